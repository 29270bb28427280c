// y[z, i, j] = sum_p a[z, i, p] b[z, p, j]

/** Row-major values of the products of [batch, m, k] and [batch, k, n]. */
export function batchedProduct(
  a: readonly number[],
  b: readonly number[],
  { batch, m, k, n }: {
    readonly batch: number;
    readonly m: number;
    readonly k: number;
    readonly n: number;
  },
): number[] {
  return Array.from({ length: batch * m * n }, (_, at) => {
    const [z, i, j] = [Math.floor(at / n / m), Math.floor(at / n) % m, at % n];
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a[(z * m + i) * k + p]! * b[(z * k + p) * n + j]!;
    return sum;
  });
}
