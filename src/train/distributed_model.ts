// A language model for training, whole or split over tensor-parallel ranks: the rest of training need not know which.
//
// The logits of a split model stay on their ranks for the loss, which communicates three numbers per token instead of V; only sampling
// gathers them.

import type { ProcessGroupMesh } from "../distributed/mesh.ts";
import type { KeyValueCache } from "../models/cache/key_value_cache.ts";
import type { Decoder } from "../models/decoder.ts";
import { parallelize } from "../models/parallelize.ts";
import type { DropoutMasks } from "../nn/dropout.ts";
import { gatherFromGroup } from "../nn/parallel/group_exchanges.ts";
import { vocabParallelCrossEntropy } from "../nn/parallel/vocab_parallel_cross_entropy.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { forwardOnly } from "../tensor/forward_only.ts";
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
  /** Those after the last token, [B, 1, V], of tokens that follow those in the cache. No gradient is recorded. */
  nextLogits(tokens: Tensor<"u32">, cache: KeyValueCache): Promise<Tensor>;
  /** The most tokens of a text with a cache. */
  readonly longestCached: number;
}

/** Splits `model` over the first axis of the mesh, if that has several ranks. @throws {RangeError} if it cannot be split */
export async function distributeModel(
  model: Decoder,
  mesh: ProcessGroupMesh,
): Promise<LanguageModel> {
  if (mesh.size(0) === 1) {
    return {
      logits: (tokens) => model.forward({ tokens }),
      longestCached: model.longestCached,
      nextLogits: (tokens, cache) => model.forward({ tokens, cache, logits: "last" }),
      loss: async ({ tokens, targets }, dropout) =>
        crossEntropy(await model.forward({ tokens, dropout }), targets),
    };
  }
  await parallelize(model, mesh, { gatherLogits: false });
  const group = await mesh.getGroupAlongAxis(0);
  const numClasses = model.description.tokens.count;
  const gathered = async (own: Tensor) => {
    const paddedCols = own.shape.at(-1)! * group.size;
    return await gatherFromGroup(own, { group, numCols: numClasses, paddedCols });
  };
  return {
    logits: async (tokens) => await gathered(await model.forward({ tokens })),
    longestCached: model.longestCached,
    nextLogits: async (tokens, cache) =>
      await forwardOnly(await model.forward({ tokens, cache, logits: "last" }), gathered),
    loss: async ({ tokens, targets }, dropout) =>
      await vocabParallelCrossEntropy(await model.forward({ tokens, dropout }), targets, {
        processGroup: group,
        numClasses,
      }),
  };
}
