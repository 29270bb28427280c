// Metrics of predicted numbers, from sums that add over batches and ranks. For each of C outputs, with predictions x and labels y:
//
//   [N, sum x, sum y, sum x^2, sum y^2, sum x y, sum (x - y)^2]
//
//   mean squared error = sum (x - y)^2 / N                                                       over all outputs
//   Pearson            = cov(x, y) / sqrt(var(x) var(y)),   N^2 cov(x, y) = N sum x y - sum x sum y     mean over outputs
//
// Sums are in float64 of float32 numbers: cancellation costs digits only where the mean is thousands of deviations.

const SUMS = 7;

/** Sums of `predictions` [N, C] against `labels` [N, C]. */
export function sumNumbers(
  predictions: Float32Array,
  labels: Float32Array,
  numOutputs: number,
): Float64Array {
  const sums = new Float64Array(SUMS * numOutputs);
  for (const [at, x] of predictions.entries()) {
    const y = labels[at];
    const terms = [1, x, y, x * x, y * y, x * y, (x - y) ** 2];
    const begin = at % numOutputs * SUMS;
    terms.forEach((term, k) => sums[begin + k] += term);
  }
  return sums;
}

/** Mean squared error and Pearson correlation of sums; there is no correlation where predictions or labels are all equal. */
export function numberMetrics(sums: Float64Array): Readonly<Record<string, number>> {
  let [squares, count] = [0, 0];
  const correlations: number[] = [];
  for (let at = 0; at < sums.length; at += SUMS) {
    const [n, x, y, xx, yy, xy, error] = sums.subarray(at, at + SUMS);
    squares += error;
    count += n;
    const spread = Math.sqrt(Math.max(0, n * xx - x * x)) * Math.sqrt(Math.max(0, n * yy - y * y));
    if (spread > 0) correlations.push((n * xy - x * y) / spread);
  }
  const meanSquaredError = squares / count;
  if (correlations.length === 0) return { meanSquaredError };
  const pearson = correlations.reduce((a, b) => a + b) / correlations.length;
  return { meanSquaredError, pearson };
}
