// Cross-entropy over classes that are split over ranks, as the comments in src/device/kernels/ define it.

import type { Reference } from "./reference.ts";

export const splitSoftmax: Reference<"split_softmax"> = (
  { logits, targets, exps, statistics },
  { rows, cols, firstClass, numClasses },
) => {
  for (let r = 0; r < rows; r++) {
    const row = logits.subarray(r * cols, r * cols + numClasses);
    let max = -LARGEST;
    for (const x of row) max = Math.max(max, x);
    let sum = 0;
    for (let c = 0; c < cols; c++) {
      const exp = c < numClasses ? Math.exp(row[c]! - max) : 0;
      exps[r * cols + c] = exp;
      sum += exp;
    }
    statistics.set([max, sum, row[targets[r]! - firstClass] ?? 0], 3 * r);
  }
};

export const splitCrossEntropy: Reference<"split_cross_entropy"> = (
  { statistics, targets, losses, dlogits },
  { rows, cols, firstClass, numClasses, rank, ranks, gradScale, ignored },
) => {
  for (let r = 0; r < rows; r++) {
    const target = targets[r]!;
    if (target === ignored) {
      losses[r] = 0;
      dlogits.fill(0, r * cols, (r + 1) * cols);
      continue;
    }
    const of = (rank: number) => statistics.subarray(3 * (rank * rows + r));
    let max = -LARGEST;
    for (let each = 0; each < ranks; each++) max = Math.max(max, of(each)[0]!);
    let [sum, targetLogit] = [0, 0];
    for (let each = 0; each < ranks; each++) {
      sum += of(each)[1]! * Math.exp(of(each)[0]! - max);
      targetLogit += of(each)[2]!;
    }
    losses[r] = Math.log(sum) + max - targetLogit;
    const factor = Math.exp(of(rank)[0]! - max) / sum;
    for (let c = 0; c < cols; c++) {
      const probability = dlogits[r * cols + c]! * factor;
      const gradient = gradScale * (probability - (firstClass + c === target ? 1 : 0));
      dlogits[r * cols + c] = c < numClasses ? gradient : 0;
    }
  }
};

/** The largest f32, whose negative no logit is below. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;
