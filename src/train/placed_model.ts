// A language model as training uses it, whole or split over tensor-parallel ranks: the one place that knows which.

import type { ProcessGroup } from "../dist/group.ts";
import type { Decoder } from "../models/decoder.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TokenBatch } from "./token_batch.ts";

/** What training asks of a model. All ranks that share it ask together. */
export interface PlacedModel {
  /** Mean loss, in nats per token, of the tokens that the batch's windows should guess; equal on all ranks that share the model. */
  loss(batch: TokenBatch): Promise<Tensor>;
  /** tokens [B, T] -> logits [B, T, V] of the whole vocabulary, on every rank. */
  logits(tokens: Tensor<"u32">): Promise<Tensor>;
}

/** Splits `model` over the group, if it is more than one rank. @throws {TypeError} if it cannot be split */
export function placeModel(model: Decoder, { size }: ProcessGroup): PlacedModel {
  if (size > 1) {
    throw new TypeError(
      `Cannot split a ${model.constructor.name} over ${size} ranks yet: use --tensor 1, and --zero for more ranks`,
    );
  }
  const logits = (tokens: Tensor<"u32">) => model.forward({ tokens });
  return {
    logits,
    loss: async ({ tokens, targets }) => crossEntropy(await logits(tokens), targets),
  };
}
