// The loss of next-token prediction: the target of position t is the label at t + 1; the last position has none.
//
//   loss = mean over t < T - 1 with a label at t + 1 of  crossEntropy(logits[t], labels[t + 1])

import { crossEntropy, IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import { indicesOf } from "../../ops/embedding.ts";
import { checkU32 } from "../../ops/operands.ts";
import { formatShape } from "../../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../../tensor/tensor.ts";

/**
 * Mean cross-entropy, in nats, of next-token prediction: `logits` [B, T, V] against `labels` [B, T], which are the tokens themselves,
 * or `IGNORE_INDEX` where no token is to be predicted, as at padding. A tensor of shape [].
 *
 * @throws {RangeError} if the shapes do not fit, or a label is not under V.
 *
 * @example
 * ```ts
 * import {
 *   causalLoss,
 *   Decoder,
 *   newModel,
 *   RandomSource,
 *   requestDevice,
 *   Tensor,
 * } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * using tokens = Tensor.from(device, [3, 5, 2, 7], { shape: [1, 4], dtype: "u32" });
 * using loss = causalLoss(await model.forward({ tokens }), tokens);
 * await loss.backward();
 * console.log(await loss.item());
 * ```
 *
 * @category Models
 */
export function causalLoss(logits: FloatTensor, labels: Tensor<"u32">): Tensor {
  using targets = nextLabels(labels);
  return crossEntropy(logits, targets, { ignored: IGNORE_INDEX });
}

/** For every position of `labels` [B, T] the label of the next one, `IGNORE_INDEX` at the last; the caller disposes of it. */
export function nextLabels(labels: Tensor<"u32">): Tensor<"u32"> {
  checkU32("causalLoss", "labels", labels);
  if (labels.shape.length !== 2) {
    throw new RangeError(`causalLoss() wants labels of [B, T], got ${formatShape(labels.shape)}`);
  }
  const [, length] = labels.shape;
  const given = indicesOf("causalLoss", labels);
  const next = given.map((_, at) => (at + 1) % length === 0 ? IGNORE_INDEX : given[at + 1]);
  return Tensor.from(labels.device, next, { shape: labels.shape });
}
