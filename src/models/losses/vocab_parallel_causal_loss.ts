// causalLoss() of logits whose classes are split over ranks, as a model returns them that was split with `gatherLogits: false`.

import { vocabParallelCrossEntropy } from "../../nn/parallel/vocab_parallel_cross_entropy.ts";
import type { VocabParallelCrossEntropyOptions } from "../../nn/parallel/vocab_parallel_cross_entropy.ts";
import { IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { nextLabels } from "./causal_loss.ts";

/**
 * Mean cross-entropy, in nats, of next-token prediction: this rank's `logits` [B, T, ceil(V / ranks)] against `labels` [B, T], equal on
 * every rank, which are the tokens themselves, or `IGNORE_INDEX` where no token is to be predicted. A tensor of shape [], equal on
 * every rank.
 *
 * @throws {RangeError} if the shapes do not fit, or a label is not under V = `numClasses`; on all ranks.
 */
export async function vocabParallelCausalLoss(
  logits: FloatTensor,
  labels: Tensor<"u32">,
  vocabulary: Omit<VocabParallelCrossEntropyOptions, "ignored">,
): Promise<Tensor> {
  using targets = nextLabels(labels);
  return await vocabParallelCrossEntropy(logits, targets, { ...vocabulary, ignored: IGNORE_INDEX });
}
