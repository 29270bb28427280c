// causalLoss() of logits whose classes are split over ranks, as a model returns them that was split with `gatherLogits: false`.

import { vocabParallelCrossEntropy } from "../../nn/parallel/vocab_parallel_cross_entropy.ts";
import type { VocabParallelCrossEntropyOptions } from "../../nn/parallel/vocab_parallel_cross_entropy.ts";
import { IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import { requireObject } from "../../tensor/option_names.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { nextLabels } from "./causal_loss.ts";

/**
 * Mean cross-entropy, in nats, of next-token prediction: this rank's `logits` [B, T, ceil(V / ranks)] against `labels` [B, T], equal on
 * every rank, which are the tokens themselves, or `IGNORE_INDEX` where no token is to be predicted. A tensor of shape [], equal on
 * every rank.
 *
 * @throws {RangeError} if the shapes do not fit, or a label is not under V = `numClasses`; on all ranks.
 *
 * @example
 * ```ts
 * import {
 *   Decoder,
 *   launch,
 *   newModel,
 *   parallelize,
 *   ProcessGroupMesh,
 *   RandomSource,
 *   requestDevice,
 *   Tensor,
 *   vocabParallelCausalLoss,
 * } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const mesh = ProcessGroupMesh.over(world, 1); // axis 0 has several ranks in a real job
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * await parallelize(model, mesh, { gatherLogits: false });
 * using tokens = Tensor.from(device, [3, 5, 2, 7], { shape: [1, 4], dtype: "u32" });
 * const logits = await model.forward({ tokens });
 * const processGroup = await mesh.getGroupAlongAxis(0);
 * using loss = await vocabParallelCausalLoss(logits, tokens, { processGroup, numClasses: 16 });
 * await loss.backward();
 * ```
 *
 * @category Models
 */
export async function vocabParallelCausalLoss(
  logits: FloatTensor,
  labels: Tensor<"u32">,
  vocabulary: Omit<VocabParallelCrossEntropyOptions, "ignored">,
): Promise<Tensor> {
  requireObject("vocabParallelCausalLoss()", vocabulary, "processGroup");
  using targets = nextLabels(labels);
  return await vocabParallelCrossEntropy(logits, targets, { ...vocabulary, ignored: IGNORE_INDEX });
}
