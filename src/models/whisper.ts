// Whisper (Radford et al. 2022): an encoder for the log-mel spectrogram of a recording, and a decoder for its text (encoder_decoder.ts).
//
//   features [B, M, 2 S] -> gelu(conv of 3) [B, D, 2 S] -> gelu(conv of 3, stride 2) [B, D, S] -> [B, S, D], + sinusoids -> blocks -> norm
//   target [B, T] -> E [B, T, D], + learned positions -> blocks, with attention to what is encoded -> norm -> logits [B, T, V]
//
// Layer norms come before attention and MLP; layers of keys have no bias. A recording always fills all S places: shorter ones are padded
// with silence.

import { LayerMaker } from "../nn/layer_maker.ts";
import type { Layer } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { gelu } from "../ops/gelu.ts";
import { permute } from "../ops/permute.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { FloatTensor } from "../tensor/tensor.ts";
import {
  type EmbeddedSource,
  EncoderDecoder,
  type EncoderDecoderDescription,
  type EncoderDecoderInput,
} from "./encoder_decoder.ts";
import type { CheckpointForm } from "./pretrained_model.ts";

/**
 * The configuration of a Whisper model.
 *
 * @category Models
 */
export interface WhisperDescription extends EncoderDecoderDescription {
  /** M: mel bins of a spectrogram. */
  readonly numMelBins: number;
  /** S: places of the encoder, half of a spectrogram's frames. */
  readonly numPlaces: number;
  /** Positions of the decoder. */
  readonly longestText: number;
}

/**
 * What the encoder of a {@linkcode Whisper} reads.
 *
 * @category Models
 */
export interface WhisperSource {
  /** [B, M, 2 S]: log-mel spectrograms. */
  readonly features: FloatTensor;
}

/**
 * Input of a {@linkcode Whisper}.
 *
 * @category Models
 */
export type WhisperInput = EncoderDecoderInput<WhisperSource>;

/**
 * Predicts the text of a recording.
 *
 * @example
 * ```ts
 * import { newModel, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { Whisper } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = {
 *   model_type: "whisper",
 *   vocab_size: 16,
 *   d_model: 8,
 *   num_mel_bins: 4,
 *   encoder_layers: 1,
 *   decoder_layers: 1,
 *   encoder_attention_heads: 2,
 *   decoder_attention_heads: 2,
 *   encoder_ffn_dim: 16,
 *   decoder_ffn_dim: 16,
 *   max_source_positions: 5,
 *   max_target_positions: 6,
 *   decoder_start_token_id: 1,
 *   pad_token_id: 0,
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Whisper });
 * using features = Tensor.from(device, new Float32Array(4 * 10), { shape: [1, 4, 10] });
 * using labels = Tensor.from(device, [4, 2], { shape: [1, 2], dtype: "u32" });
 * using logits = await model.forward({ features, targets: model.targetsFor(labels) });
 * console.log(logits.shape); // [1, 2, 16]
 * ```
 *
 * @category Models
 */
export class Whisper extends EncoderDecoder<WhisperSource> {
  /** The first convolution of spectrograms: [B, M, 2 S] -> [B, D, 2 S] */
  readonly firstConvolution: Layer;
  /** The second one: [B, D, 2 S] -> [B, D, S] */
  readonly secondConvolution: Layer;
  /** The most tokens of a text, its prompt included. */
  readonly longestText: number;
  readonly #featureShape: readonly [number, number];

  /** A model with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(description: WhisperDescription, options: {
    readonly source: ParameterSource;
    readonly form: CheckpointForm;
  }) {
    super(description, options);
    const { numMelBins, numPlaces, longestText, encoder: { block: { width } } } = description;
    const make = new LayerMaker(options.source, description);
    const kernel = { kernel: [3], padding: 1, bias: true, outChannels: width };
    this.firstConvolution = make.conv1d("firstConvolution", { ...kernel, inChannels: numMelBins });
    this.secondConvolution = make.conv1d("secondConvolution", {
      ...kernel,
      inChannels: width,
      stride: 2,
    });
    this.longestText = longestText;
    this.#featureShape = [numMelBins, 2 * numPlaces];
  }

  /** features [B, M, 2 S] -> [B, S, D] */
  protected override async embed({ features }: WhisperSource): Promise<EmbeddedSource> {
    const wanted = this.#featureShape;
    if (features.shape.length !== 3 || !sameShape(features.shape.slice(1), wanted)) {
      throw new RangeError(
        `Whisper wants features of [B, ${wanted.join(", ")}], mel bins and frames, got ${
          formatShape(features.shape)
        }: pad or cut recordings to the length that the model was made for`,
      );
    }
    const x = gelu(await this.firstConvolution.forward(features));
    const y = gelu(await this.secondConvolution.forward(x));
    return { x: permute(y, [0, 2, 1]) };
  }
}

/** @throws {TypeError | RangeError} if a model cannot continue prompts with these options of `generate()` */
export function checkTranscription(
  model: Whisper,
  prompts: readonly (readonly number[])[],
  { features, context, maxNewTokens }: {
    readonly features?: FloatTensor | undefined;
    readonly context?: number | undefined;
    readonly maxNewTokens: number;
  },
): void {
  if (features === undefined) throw new TypeError("A Whisper needs recordings: give features");
  if (context !== undefined) throw new TypeError("A Whisper reads whole texts: leave context out");
  if (prompts.some(({ length }) => length !== prompts[0].length)) {
    throw new RangeError("A Whisper wants prompts of one length: generate the others apart");
  }
  const longest = (prompts[0]?.length ?? 0) + maxNewTokens;
  if (longest > model.longestText) {
    throw new RangeError(
      `A Whisper of ${model.longestText} positions writes no text of ${longest} tokens: make maxNewTokens less`,
    );
  }
}
