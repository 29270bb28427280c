// A language model as training uses it, whole or split over tensor-parallel ranks: the one place that knows which.
//
// The logits of a split one stay with their ranks for the loss, which exchanges three numbers per token instead of V; only
// who samples from them wants them whole.

import type { ProcessGroupMesh } from "../distributed/mesh.ts";
import type { Decoder } from "../models/decoder.ts";
import { parallelize } from "../models/parallelize.ts";
import type { DropoutMasks } from "../nn/dropout.ts";
import { gatherFromGroup } from "../nn/parallel/group_exchanges.ts";
import { vocabParallelCrossEntropy } from "../nn/parallel/vocab_parallel_cross_entropy.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TokenBatch } from "./token_batch.ts";

/** What training asks of a model. All ranks that share it ask together. */
export interface PlacedModel {
  /**
   * Mean loss, in nats per token, of the tokens that the batch's windows should guess; equal on all ranks that share the model.
   * `dropout`: what is dropped on the way, in training.
   */
  loss(batch: TokenBatch, dropout?: DropoutMasks): Promise<Tensor>;
  /** tokens [B, T] -> logits [B, T, V] of the whole vocabulary, on every rank. */
  logits(tokens: Tensor<"u32">): Promise<Tensor>;
}

/** Splits `model` over the first axis of the mesh, if that is more than one rank. @throws {RangeError} if it cannot be split */
export async function placeModel(model: Decoder, mesh: ProcessGroupMesh): Promise<PlacedModel> {
  if (mesh.size(0) === 1) {
    return {
      logits: (tokens) => model.forward({ tokens }),
      loss: async ({ tokens, targets }, dropout) =>
        crossEntropy(await model.forward({ tokens, dropout }), targets),
    };
  }
  await parallelize(model, mesh, { gatherLogits: false });
  const group = await mesh.getGroupAlongAxis(0);
  const numClasses = model.description.tokens.count;
  return {
    async logits(tokens) {
      const own = await model.forward({ tokens });
      const paddedCols = own.shape.at(-1)! * group.size;
      return await gatherFromGroup(own, { group, numCols: numClasses, paddedCols });
    },
    loss: async ({ tokens, targets }, dropout) =>
      await vocabParallelCrossEntropy(await model.forward({ tokens, dropout }), targets, {
        processGroup: group,
        numClasses,
      }),
  };
}
