// Metrics of predicted tokens: the perplexity e^loss, and the share of targets that are the most likely token.

import { IGNORE_INDEX } from "../../../ops/cross_entropy.ts";
import { largestOf } from "./class_metrics.ts";

/** How many of `targets` [N] have the largest of `logits` [N, V]; ignored ones are not counted. */
export function countRightTokens(
  logits: Float32Array,
  targets: Uint32Array,
  vocabularySize: number,
): number {
  let right = 0;
  for (const [row, target] of targets.entries()) {
    if (target === IGNORE_INDEX) continue;
    if (largestOf(logits, row * vocabularySize, vocabularySize) === target) right++;
  }
  return right;
}

/** Perplexity of a sum of losses in nats over `numTargets`. */
export function perplexityOf(lossSum: number, numTargets: number): number {
  return Math.exp(lossSum / numTargets);
}
