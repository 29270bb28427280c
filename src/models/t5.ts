// T5 (Raffel et al. 2020): an encoder for one text and a decoder for another, with cross-attention to the first (encoder_decoder.ts).
//
//   source [B, S] -> E [B, S, D] -> blocks -> norm -> encoded [B, S, D]
//   target [B, T] -> E [B, T, D] -> blocks, with attention to the encoded text -> norm -> logits [B, T, V]
//
// RMS norms come before attention and MLP; no layer has a bias; scores are not scaled. Positions are encoded by a bias of scores that
// all blocks of a stack share (relative_positions.ts). If the head is tied to the table E, its input is scaled by 1 / sqrt(D) in the
// first T5, but not in later versions, which also untied the two.

import { formatShape, sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  checkTokens,
  type EmbeddedSource,
  EncoderDecoder,
  type EncoderDecoderInput,
} from "./encoder_decoder.ts";

/**
 * What the encoder of a {@linkcode T5} reads.
 *
 * @category Models
 */
export interface T5Source {
  /** [B, S]: the encoder's input. */
  readonly tokens: Tensor<"u32">;
  /** [B, S], 1 for real tokens and 0 for padding. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** [B, S, D]: embeddings in the place of the encoder's tokens', such as those of an image; with a cache, the pass releases them. */
  readonly embeddings?: Tensor | undefined;
}

/**
 * Input of a {@linkcode T5}.
 *
 * @category Models
 */
export type T5Input = EncoderDecoderInput<T5Source>;

/**
 * An encoder-decoder language model: predicts one text from another.
 *
 * @example
 * ```ts
 * import { newModel, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { T5 } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = {
 *   model_type: "t5",
 *   vocab_size: 16,
 *   d_model: 8,
 *   d_kv: 4,
 *   d_ff: 16,
 *   num_layers: 1,
 *   num_heads: 2,
 *   decoder_start_token_id: 0,
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: T5 });
 * using tokens = Tensor.from(device, [3, 5, 2, 7], { shape: [1, 4], dtype: "u32" });
 * using labels = Tensor.from(device, [4, 1], { shape: [1, 2], dtype: "u32" });
 * using logits = await model.forward({ tokens, targets: model.targetsFor(labels) });
 * console.log(logits.shape); // [1, 2, 16]
 * ```
 *
 * @category Models
 */
export class T5 extends EncoderDecoder<T5Source> {
  /** tokens [B, S] -> [B, S, D] */
  protected override async embed(source: T5Source): Promise<EmbeddedSource> {
    const { tokens, mask, embeddings } = source;
    checkTokens(this, source);
    if (embeddings === undefined) return { x: await this.tokens.forward(tokens), mask };
    const wanted = [...tokens.shape, this.width];
    if (sameShape(embeddings.shape, wanted)) return { x: embeddings, mask };
    throw new RangeError(
      `T5 wants embeddings of ${formatShape(wanted)}, got ${formatShape(embeddings.shape)}`,
    );
  }
}
