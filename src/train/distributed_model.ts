// A language model for training, whole or split over tensor-parallel ranks: the rest of training need not know which.
//
// The logits of a split model stay on their ranks for the loss, which communicates three numbers per token instead of V; only sampling
// gathers them.

import type { ProcessGroupMesh } from "../distributed/mesh.ts";
import type { Decoder } from "../models/decoder.ts";
import { parallelize } from "../models/parallelize.ts";
import type { DropoutMasks } from "../nn/dropout.ts";
import { gatherFromGroup } from "../nn/parallel/group_exchanges.ts";
import { vocabParallelCrossEntropy } from "../nn/parallel/vocab_parallel_cross_entropy.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TokenBatch } from "./token_batch.ts";

/** The functions of a model that training needs. All ranks that share the model call them together. */
export interface LanguageModel {
  /**
   * Mean loss, in nats per token, of predicting the batch's targets; equal on all ranks that share the model. `dropout` determines
   * the masks, in training.
   */
  loss(batch: TokenBatch, dropout?: DropoutMasks): Promise<Tensor>;
  /** tokens [B, T] -> logits [B, T, V] of the whole vocabulary, on every rank. */
  logits(tokens: Tensor<"u32">): Promise<Tensor>;
}

/** Splits `model` over the first axis of the mesh, if that has several ranks. @throws {RangeError} if it cannot be split */
export async function distributeModel(
  model: Decoder,
  mesh: ProcessGroupMesh,
): Promise<LanguageModel> {
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
