// The probabilities of classes for logits z [C] of a classifier:
//
//   single labels   softmax: e^(z_c - max z) / sum         sets of labels   sigmoid: 1 / (1 + e^-z_c) each

import type { ProblemType } from "../../models/losses/classification_loss.ts";

/** The probability of each class; for a regression the predicted numbers. */
export function probabilitiesOf(logits: ArrayLike<number>, problem: ProblemType): number[] {
  const z = Array.from(logits);
  if (problem === "regression") return z;
  if (problem === "multi_label_classification") return z.map((each) => 1 / (1 + Math.exp(-each)));
  const largest = z.reduce((a, b) => Math.max(a, b));
  const weights = z.map((each) => Math.exp(each - largest));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((each) => each / total);
}
