// T5 (Raffel et al. 2020): an encoder for one text and a decoder for another, with cross-attention to the first.
//
//   source [B, S] -> E [B, S, D] -> blocks -> norm -> encoded [B, S, D]
//   target [B, T] -> E [B, T, D] -> blocks, with attention to the encoded text -> norm -> logits [B, T, V]
//
// RMS norms come before attention and MLP; no layer has a bias; scores are not scaled. Positions are encoded by a bias of scores that
// all blocks of a stack share (relative_positions.ts). If the head is tied to the table E, its input is scaled by 1 / sqrt(D) in the
// first T5, but not in later versions, which also untied the two.

import type { DropoutMasks } from "../nn/dropout.ts";
import type { Embedding } from "../nn/embedding.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import { Linear } from "../nn/linear.ts";
import type { Layer, Module } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { asF32 } from "../ops/cast.ts";
import { scale } from "../ops/scale.ts";
import { forwardOnly } from "../tensor/forward_only.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { featuresAt } from "./blocks/features_at.ts";
import type { KeyValueCache } from "./cache/key_value_cache.ts";
import { type CheckpointForm, type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
import { shiftRight, type ShiftTokens } from "./shift_right.ts";
import { planBlocks } from "./splitting/split_blocks.ts";
import type { SplitPlan } from "./splitting/split_plan.ts";
import { planVocabulary } from "./splitting/split_vocabulary.ts";
import { T5Stack, type T5StackDescription } from "./t5_stack.ts";

/**
 * The configuration of a T5 model.
 *
 * @category Models
 */
export interface T5Description {
  /** V */
  readonly numTokens: number;
  /** The encoder stack. */
  readonly encoder: T5StackDescription;
  /** The decoder stack. */
  readonly decoder: T5StackDescription;
  /** Whether the head's weight is the token table. */
  readonly tied: boolean;
  /** Factor of the head's input. */
  readonly outputScale: number;
  /** The tokens for shifting labels; undefined if the config does not name them. */
  readonly shift: ShiftTokens | undefined;
  /** Standard deviation of initial weights. */
  readonly deviation: number;
  /** Standard deviation of the token table, and of an untied head. */
  readonly tokenDeviation: number;
}

/**
 * Input of a {@linkcode T5}.
 *
 * @category Models
 */
export interface T5Input {
  /** [B, S]: the encoder's input. */
  readonly tokens: Tensor<"u32">;
  /** [B, S], 1 for real tokens and 0 for padding. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** [B, S, D]: embeddings in the place of the encoder's tokens', such as those of an image; with a cache, the pass releases them. */
  readonly embeddings?: Tensor | undefined;
  /** [B, T]: the decoder's input, as {@linkcode T5.targetsFor} makes it from labels. */
  readonly targets: Tensor<"u32">;
  /** [B, T], 1 for real tokens and 0 for padding. Default: all are real. */
  readonly targetMask?: Tensor<"u32"> | undefined;
  /** Indices among all targets [B T] after which logits are wanted: [n, V]. Not with a cache. Default: all, [B, T, V]. */
  readonly logitsAt?: Uint32Array | undefined;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
  /**
   * Keys and values of the targets before these, and of the encoded text; those of these are added. The first pass takes equally many
   * targets of every row and runs the encoder, later ones take a target per row and do not read `tokens`. No gradient is recorded. Default:
   * there are no targets before.
   */
  readonly cache?: KeyValueCache | undefined;
}

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
export class T5 extends PretrainedModel<T5Input> {
  /** Token embeddings of both texts: [B, T] -> [B, T, D] */
  tokens: Module<Tensor<"u32">>;
  /** The encoder stack. */
  readonly encoder: T5Stack;
  /** The decoder stack. */
  readonly decoder: T5Stack;
  /** The output layer: [B, T, D] -> [B, T, V] */
  head: Layer;
  readonly #description: T5Description;

  /** A model with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(description: T5Description, { source, form }: {
    readonly source: ParameterSource;
    readonly form: CheckpointForm;
  }) {
    super(form);
    const { numTokens, encoder, decoder, tied, tokenDeviation } = description;
    const { width } = encoder.block;
    const make = new LayerMaker(source, description);
    const tokens = new LayerMaker(source, { deviation: tokenDeviation }).embedding("tokens", {
      numEmbeddings: numTokens,
      embeddingDim: width,
    });
    this.tokens = tokens;
    this.encoder = new T5Stack(make.within("encoder"), encoder);
    this.decoder = new T5Stack(make.within("decoder"), decoder);
    this.head = tied ? tiedHead(tokens) : make.linear("head", {
      inFeatures: width,
      outFeatures: numTokens,
      bias: false,
      deviation: tokenDeviation,
    });
    this.#description = description;
  }

  /**
   * tokens [B, S] and targets [B, T] -> logits [B, T, V] of the token after each target, or [n, V] with `logitsAt`.
   *
   * @throws {RangeError} if the shapes do not fit, or a token is not under V
   * @throws {TypeError} if a cache is given together with a mask of targets, with dropout or `logitsAt`
   */
  override async forward(input: T5Input): Promise<Tensor> {
    const { tokens, mask, targets, targetMask, dropout, cache, logitsAt } = input;
    if (cache !== undefined) return await this.#forwardCached(input, cache);
    const encoded = { x: await this.encode(input), mask };
    checkText({ tokens: targets, mask: targetMask });
    if (targets.shape[0] !== tokens.shape[0]) {
      throw new RangeError(
        `T5 wants as many targets as texts, got ${formatShape(targets.shape)} and ` +
          formatShape(tokens.shape),
      );
    }
    const x = await this.tokens.forward(targets);
    const y = await this.decoder.forward({ x, mask: targetMask, encoded, dropout });
    return await this.#predict(logitsAt === undefined ? y : featuresAt(y, logitsAt));
  }

  /** The token that begins every text of the decoder. @throws {TypeError} if the config does not name it */
  get startToken(): number {
    return this.#shift().start;
  }

  async #predict(y: Tensor): Promise<Tensor> {
    const { outputScale } = this.#description;
    const scaled = outputScale === 1 ? y : scale(y, outputScale);
    return asF32(await this.head.forward(scaled));
  }

  async #forwardCached(
    { targets, targetMask, dropout, logitsAt, ...source }: T5Input,
    cache: KeyValueCache,
  ): Promise<Tensor> {
    if (targetMask !== undefined || dropout !== undefined || logitsAt !== undefined) {
      throw new TypeError(
        "T5 with a cache takes neither targetMask nor dropout nor logitsAt: leave them out",
      );
    }
    checkText({ tokens: targets });
    using pass = cache.begin({ tokens: targets });
    using encoded = pass.isFirst ? await this.#encodeOnly(source) : undefined;
    const x = await this.decoder.forwardOnly(await this.tokens.forward(targets), {
      encoded: { x: encoded ?? "cached", mask: source.mask },
      pass,
    });
    const y = await forwardOnly(x, (x) => this.#predict(x));
    pass.end();
    return y;
  }

  async #encodeOnly(source: T5Source): Promise<Tensor> {
    return await this.encoder.forwardOnly(await this.#embed(source), { mask: source.mask });
  }

  /** Runs the encoder: tokens [B, S] -> [B, S, D]. @throws {RangeError} as `forward()` */
  async encode(
    { dropout, ...source }: Pick<T5Input, "tokens" | "mask" | "embeddings" | "dropout">,
  ): Promise<Tensor> {
    const x = await this.#embed(source);
    return await this.encoder.forward({ x, mask: source.mask, dropout });
  }

  async #embed({ tokens, mask, embeddings }: T5Source): Promise<Tensor> {
    checkText({ tokens, mask });
    if (embeddings === undefined) return await this.tokens.forward(tokens);
    const wanted = [...tokens.shape, this.#description.encoder.block.width];
    if (sameShape(embeddings.shape, wanted)) return embeddings;
    throw new RangeError(
      `T5 wants embeddings of ${formatShape(wanted)}, got ${formatShape(embeddings.shape)}`,
    );
  }

  /** Vocabulary, blocks and the heads of both relative biases are split. */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    planVocabulary(plan, { embedding: this, output: this, gatherLogits });
    for (const { blocks, relativeBias } of [this.encoder, this.decoder]) {
      await planBlocks(plan, blocks);
      relativeBias.planSplit(plan);
    }
  }

  /**
   * The decoder's input for `labels` [B, T], in which `IGNORE_INDEX` marks ignored ones: [B, T], released with what is computed from it.
   *
   * @throws {TypeError} if the config does not name the start and padding tokens
   */
  targetsFor(labels: Tensor<"u32">): Tensor<"u32"> {
    return shiftRight(labels, this.#shift());
  }

  #shift(): ShiftTokens {
    const { shift } = this.#description;
    if (shift !== undefined) return shift;
    throw this.form.config.error(
      "decoder_start_token_id and pad_token_id must be given to make targets of labels",
    );
  }
}

/** What the encoder reads. */
type T5Source = Pick<T5Input, "tokens" | "mask" | "embeddings">;

function tiedHead({ weight }: Embedding): Linear {
  return new Linear(weight.device, { weight, bias: undefined });
}

function checkText({ tokens, mask }: Pick<T5Input, "tokens" | "mask">): void {
  if (tokens.shape.length !== 2) {
    throw new RangeError(`T5 wants texts of [B, T], got ${formatShape(tokens.shape)}`);
  }
  if (mask !== undefined && !sameShape(mask.shape, tokens.shape)) {
    throw new RangeError(
      `T5 wants a mask of the tokens' shape ${formatShape(tokens.shape)}, got ` +
        formatShape(mask.shape),
    );
  }
}
