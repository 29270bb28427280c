// BLIP-2 (Li et al. 2023): a vision encoder, a Q-Former and a language model, which reads an image as a few tokens of its text.
//
//   pixels [B, C, height, width] -> vision [B, T, V] -> Q-Former [B, Q, D] -> projection [B, Q, E]
//   E of tokens [B, S, E], with those of the image at its Q image tokens -> language model -> logits
//
// The language model is a Decoder, which continues the text, or a T5, which reads it and writes another one.

import type { DropoutMasks } from "../nn/dropout.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import type { Layer } from "../nn/module.ts";
import { type ParameterSource, partOf } from "../nn/parameter_source.ts";
import { releaseIntermediates } from "../tensor/autograd.ts";
import { forwardOnly } from "../tensor/forward_only.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { imageRows, withImages } from "./blocks/image_tokens.ts";
import type { KeyValueCache } from "./cache/key_value_cache.ts";
import { Decoder } from "./decoder.ts";
import {
  type CheckpointForm,
  type ModelBuilder,
  type PlanSplitOptions,
  PretrainedModel,
} from "./pretrained_model.ts";
import { QFormer, type QFormerDescription } from "./qformer.ts";
import { planBlocks } from "./splitting/split_blocks.ts";
import type { SplitPlan } from "./splitting/split_plan.ts";
import { T5 } from "./t5.ts";
import { type VisionDescription, VisionEncoder } from "./vision_encoder.ts";

/**
 * The configuration of a BLIP-2 model, without its language model.
 *
 * @category Models
 */
export interface Blip2Description {
  /** The vision encoder. */
  readonly vision: VisionDescription;
  /** The Q-Former. */
  readonly qformer: QFormerDescription;
  /** E: features of an embedding of the language model. */
  readonly languageWidth: number;
  /** The token whose embeddings are those of the image. */
  readonly imageToken: number;
  /** Standard deviation of initial weights of the projection. */
  readonly deviation: number;
}

/**
 * Input of a {@linkcode Blip2}.
 *
 * @category Models
 */
export interface Blip2Input {
  /** [B, C, height, width]: an image for every text; not read by later passes with a cache. */
  readonly pixels: FloatTensor;
  /** [B, S]: texts with as many image tokens as the Q-Former has queries, as {@linkcode Blip2.withImageTokens} makes them. */
  readonly tokens: Tensor<"u32">;
  /** [B, S], 1 for real tokens and 0 for padding. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** [B, T]: the input of the decoder of a T5, as {@linkcode Blip2.targetsFor} makes it from labels; a T5 needs it. */
  readonly targets?: Tensor<"u32"> | undefined;
  /** [B, T], 1 for real targets and 0 for padding. Default: all are real. */
  readonly targetMask?: Tensor<"u32"> | undefined;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
  /** As that of `DecoderInput` or `T5Input`; the first pass reads the images. */
  readonly cache?: KeyValueCache | undefined;
  /** Of a decoder: the logits after every token, or [B, 1, V] after the last real one of each row. Default: "all". */
  readonly logits?: "all" | "last" | undefined;
  /** Indices among all tokens [B S], or targets [B T], after which logits are wanted: [n, V]. Not with a cache. Default: all. */
  readonly logitsAt?: Uint32Array | undefined;
}

/**
 * Writes about images.
 *
 * @example
 * ```ts
 * import { newModel, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { Blip2 } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const sizes = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
 * const config = {
 *   model_type: "blip-2",
 *   image_token_index: 15,
 *   num_query_tokens: 3,
 *   vision_config: { ...sizes, intermediate_size: 16, image_size: 8, patch_size: 4 },
 *   qformer_config: { ...sizes, intermediate_size: 16 },
 *   text_config: { ...sizes, model_type: "opt", vocab_size: 16, ffn_dim: 16, word_embed_proj_dim: 8 },
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Blip2 });
 * using pixels = Tensor.from(device, new Float32Array(3 * 8 * 8), { shape: [1, 3, 8, 8] });
 * const text = model.withImageTokens([2, 5, 7]);
 * using tokens = Tensor.from(device, text, { shape: [1, text.length], dtype: "u32" });
 * using logits = await model.forward({ pixels, tokens });
 * console.log(logits.shape); // [1, 6, 16]
 * ```
 *
 * @category Models
 */
export class Blip2 extends PretrainedModel<Blip2Input> {
  /** Its configuration. */
  readonly description: Blip2Description;
  /** Turns images into sequences of features. */
  readonly vision: VisionEncoder;
  /** Turns these into the features of a few queries. */
  readonly qformer: QFormer;
  /** Q-Former's features -> embeddings: [B, Q, D] -> [B, Q, E] */
  readonly projection: Layer;
  /** The language model. */
  readonly language: Decoder | T5;

  /** A model with parameters from `source`, and the language model that `language` makes. */
  constructor(description: Blip2Description, { source, form, language }: {
    readonly source: ParameterSource;
    readonly form: CheckpointForm;
    readonly language: ModelBuilder;
  }) {
    super(form);
    const { vision, qformer, deviation, languageWidth } = description;
    const { sites = { count: 0 } } = source;
    const make = new LayerMaker(source, { deviation, sites });
    const within = (path: string, { deviation }: { readonly deviation: number }) =>
      new LayerMaker(source, { path, deviation, sites });
    this.description = description;
    this.vision = new VisionEncoder(within("vision", vision), vision);
    this.qformer = new QFormer(within("qformer", qformer), qformer);
    this.projection = make.linear("projection", {
      inFeatures: qformer.block.width,
      outFeatures: languageWidth,
      bias: true,
    });
    const made = language.build(partOf(source, { name: "language", sites }));
    if (!(made instanceof Decoder || made instanceof T5)) {
      made[Symbol.dispose]();
      throw form.config.error(`a ${made.constructor.name} is no language model for BLIP-2`);
    }
    this.language = made;
  }

  /**
   * Images and texts -> logits of the language model: [B, S, V] of a decoder, [B, T, V] of a T5.
   *
   * @throws {RangeError} if images are not of the model's size, or a text has not as many image tokens as there are queries; and as the
   *   language model
   * @throws {TypeError} if targets are given to a decoder, or none to a T5
   */
  override async forward(input: Blip2Input): Promise<Tensor> {
    const { pixels: _, targets, targetMask, logits, ...text } = input;
    const { language } = this;
    if (language instanceof Decoder) {
      if (targets !== undefined || targetMask !== undefined) {
        throw new TypeError("This BLIP-2 has a decoder, which takes no targets: leave them out");
      }
      return await language.forward({ ...text, logits, embeddings: await this.#embed(input) });
    }
    if (targets === undefined) {
      throw new TypeError("This BLIP-2 has a T5, which needs targets: give those of targetsFor()");
    }
    if (logits !== undefined) {
      throw new TypeError("This BLIP-2 has a T5, which takes no `logits`: leave it out");
    }
    const embeddings = await this.#embed(input);
    return await language.forward({ ...text, targets, targetMask, embeddings });
  }

  /** A text with the tokens of its image before it, as the processor of transformers makes it. */
  withImageTokens(tokens: readonly number[]): number[] {
    const { imageToken, qformer: { numQueries } } = this.description;
    return [...new Array<number>(numQueries).fill(imageToken), ...tokens];
  }

  /**
   * The input of the decoder of a T5 for `labels` [B, T], as `T5.targetsFor()`.
   *
   * @throws {TypeError} if the language model is no T5, or the config does not name the start and padding tokens
   */
  targetsFor(labels: Tensor<"u32">): Tensor<"u32"> {
    if (this.language instanceof T5) return this.language.targetsFor(labels);
    throw new TypeError(
      "This BLIP-2 has a decoder, which needs no targets: give its loss the labels",
    );
  }

  /** Blocks of the vision encoder and the Q-Former are split, and the language model as when it stands alone. */
  override async planSplit(plan: SplitPlan, options: PlanSplitOptions): Promise<void> {
    await planBlocks(plan, this.vision.blocks);
    await planBlocks(plan, this.qformer.blocks);
    await this.language.planSplit(plan, options);
  }

  /** Releases all parameters and tables. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.language[Symbol.dispose]();
  }

  /** Embeddings of texts and their images: [B, S, E]; undefined in later passes with a cache. */
  async #embed({ pixels, tokens, mask, dropout, cache }: Blip2Input): Promise<Tensor | undefined> {
    if (cache !== undefined && cache.lengths.length > 0) return undefined;
    const { imageToken, qformer: { numQueries: numFeatures } } = this.description;
    const count = pixels.shape[0];
    const rows = imageRows({ tokens, mask, imageToken, images: { count, numFeatures } });
    const images = cache === undefined
      ? await this.#seen({ pixels, dropout })
      : await this.#seenOnly(pixels);
    const { language } = this;
    const embedded = language instanceof Decoder
      ? await language.embed(tokens)
      : await language.tokens.forward(tokens);
    const embeddings = withImages(embedded, { images, rows });
    if (cache === undefined) return embeddings;
    releaseIntermediates(embeddings);
    images.release();
    return embeddings;
  }

  /** Embeddings of images: [B, Q, E] */
  async #seen({ pixels, dropout }: Pick<Blip2Input, "pixels" | "dropout">): Promise<Tensor> {
    const image = await this.vision.forward({ pixels, dropout });
    return await this.projection.forward(await this.qformer.forward({ image, dropout }));
  }

  /** The same without dropout and gradients. */
  async #seenOnly(pixels: FloatTensor): Promise<Tensor> {
    const queries = await this.qformer.forwardOnly(await this.vision.forwardOnly(pixels));
    return await forwardOnly(queries, (x) => this.projection.forward(x));
  }
}
