// A decoder in training, whole or split over tensor-parallel ranks: its loss, and the logits that sampling needs.

import type { ProcessGroupMesh } from "../distributed/mesh.ts";
import type { KeyValueCache } from "../models/cache/key_value_cache.ts";
import type { Decoder, DecoderInput } from "../models/decoder.ts";
import { forwardOnly } from "../tensor/forward_only.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ModelSplit, splitModel } from "./model_split.ts";
import type { TokenBatch } from "./token_batch.ts";

/** Options of {@linkcode LanguageModel.loss}. */
export type LossOptions = Pick<DecoderInput, "dropout" | "routing">;

/** The functions of a decoder that training needs. All ranks that share the model call them together. */
export interface LanguageModel {
  /**
   * Mean loss, in nats per token, of predicting the batch's targets; equal on all ranks that share the model. `dropout` determines
   * the masks, in training. The loss of balance of experts is not in it.
   */
  loss(batch: TokenBatch, options?: LossOptions): Promise<Tensor>;
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
  return languageModel(model, await splitModel(model, mesh, { hasVocabularyLogits: true }));
}

/** The functions of a decoder that was split. */
export function languageModel(model: Decoder, split: ModelSplit): LanguageModel {
  const numClasses = model.description.tokens.count;
  const whole = (own: Tensor) => split.wholeLogits(own, numClasses);
  return {
    logits: async (tokens) => await whole(await model.forward({ tokens })),
    longestCached: model.longestCached,
    nextLogits: async (tokens, cache) =>
      await forwardOnly(await model.forward({ tokens, cache, logits: "last" }), whole),
    async loss({ tokens, targets }, options = {}) {
      const logits = await model.forward({ tokens, ...options });
      const loss = await split.vocabularyLoss(logits, targets, { numClasses });
      // The largest tensor of all; its gradient is known already.
      logits.discard();
      return loss;
    },
  };
}
