// Metrics of predictions of any number of labels each, from counts that add over batches and ranks:
//
//   [tp, fp, fn, exact, N]     tp, fp, fn over all labels; exact: rows whose labels are all right, of N
//
//   F1          = 2 tp / (2 tp + fp + fn)         (micro F1: every label of every row counts alike)
//   exact match = exact / N
//
// A label is predicted where its logit is above 0, a probability above one half.

import { f1Of } from "./class_metrics.ts";

/** Counts of `logits` [N, C] against `labels` [N, C] of 0 and 1. */
export function countLabelSets(
  logits: Float32Array,
  labels: Float32Array,
  numLabels: number,
): Float64Array {
  let [tp, fp, fn, exact] = [0, 0, 0, 0];
  const numRows = labels.length / numLabels;
  for (let row = 0; row < numRows; row++) {
    const wrongBefore = fp + fn;
    for (let at = row * numLabels; at < (row + 1) * numLabels; at++) {
      const [isPredicted, is] = [logits[at] > 0, labels[at] > 0.5];
      if (isPredicted && is) tp++;
      else if (isPredicted) fp++;
      else if (is) fn++;
    }
    if (fp + fn === wrongBefore) exact++;
  }
  return Float64Array.of(tp, fp, fn, exact, numRows);
}

/** Micro F1 and exact match of counts. F1 is 0 if no label is or is predicted. */
export function labelSetMetrics(counts: Float64Array): Readonly<Record<string, number>> {
  const [tp, fp, fn, exact, numRows] = counts;
  return { f1: f1Of([tp, fp, fn]), exactMatch: exact / numRows };
}
