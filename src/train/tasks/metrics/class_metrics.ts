// Metrics of predictions of one class each, from counts that add over batches and ranks. For every class c:
//
//   tp_c  predicted c, and it is        fp_c  predicted c, and it is another        fn_c  predicted another, and it is c
//
//   accuracy = sum tp / sum (tp + fn)
//   F1       = mean over classes that occur of  2 tp / (2 tp + fp + fn)          (macro F1; a class occurs if it is or is predicted)

import { IGNORE_INDEX } from "../../../ops/cross_entropy.ts";

/** Counts [tp, fp, fn] of C classes, one after the other, of the largest of `logits` [N, C] against `labels` [N]; ignored ones are not counted. */
export function countClasses(
  logits: Float32Array,
  labels: Uint32Array,
  numClasses: number,
): Float64Array {
  const counts = new Float64Array(3 * numClasses);
  for (const [row, label] of labels.entries()) {
    if (label === IGNORE_INDEX) continue;
    const predicted = largestOf(logits, row * numClasses, numClasses);
    if (predicted === label) counts[3 * label]++;
    else {
      counts[3 * predicted + 1]++;
      counts[3 * label + 2]++;
    }
  }
  return counts;
}

/** The index, from `begin`, of the largest of `count` numbers: the first of equal ones. */
export function largestOf(values: ArrayLike<number>, begin: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[begin + k] > values[begin + best]) best = k;
  return best;
}

/** Accuracy and macro F1 of counts. */
export function classMetrics(counts: Float64Array): Readonly<Record<string, number>> {
  let [right, total, scores, occurring] = [0, 0, 0, 0];
  for (let at = 0; at < counts.length; at += 3) {
    const [tp, fp, fn] = counts.subarray(at, at + 3);
    right += tp;
    total += tp + fn;
    if (tp + fp + fn === 0) continue;
    occurring++;
    scores += f1Of([tp, fp, fn]);
  }
  return { accuracy: right / total, f1: scores / occurring };
}

/** F1 of the counts [tp, fp, fn] of one class; 0 if it does not occur. */
export function f1Of([tp, fp, fn]: Iterable<number>): number {
  return tp + fp + fn === 0 ? 0 : 2 * tp / (2 * tp + fp + fn);
}
