// An encoder and a decoder with cross-attention to what the encoder makes of its source (Vaswani et al. 2017):
//
//   source -> embeddings [B, S, D] -> encoder -> encoded [B, S, D]
//   targets [B, T] -> E [B, T, D] -> decoder, with attention to what is encoded -> head -> logits [B, T, V]
//
// A subclass says what the source is: a text (t5.ts), or the spectrogram of a recording (whisper.ts).

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
import { Stack, type StackDescription } from "./stack.ts";

/**
 * The configuration of an encoder with a decoder.
 *
 * @category Models
 */
export interface EncoderDecoderDescription {
  /** V */
  readonly numTokens: number;
  /** Lookups of this token give no gradient. Default: there is none. */
  readonly padding?: number | undefined;
  /** The encoder stack. */
  readonly encoder: StackDescription;
  /** The decoder stack. */
  readonly decoder: StackDescription;
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
 * What the decoder of an {@linkcode EncoderDecoder} reads.
 *
 * @category Models
 */
export interface TargetInput {
  /** [B, T]: the decoder's input, as {@linkcode EncoderDecoder.targetsFor} makes it from labels. */
  readonly targets: Tensor<"u32">;
  /** [B, T], 1 for real tokens and 0 for padding. Default: all are real. */
  readonly targetMask?: Tensor<"u32"> | undefined;
  /** Indices among all targets [B T] after which logits are wanted: [n, V]. Not with a cache. Default: all, [B, T, V]. */
  readonly logitsAt?: Uint32Array | undefined;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
  /**
   * Keys and values of the targets before these, and of what is encoded; those of these are added. The first pass takes equally many
   * targets of every row and runs the encoder, later ones take a target per row and do not read the source. No gradient is recorded.
   * Default: there are no targets before.
   */
  readonly cache?: KeyValueCache | undefined;
}

/**
 * What an {@linkcode EncoderDecoder} reads: its source, and targets.
 *
 * @category Models
 */
export type EncoderDecoderInput<Source> = Source & TargetInput;

/**
 * The embeddings of a source.
 *
 * @category Models
 */
export interface EmbeddedSource {
  /** [B, S, D] */
  readonly x: Tensor;
  /** [B, S], 1 for real tokens and 0 for padding. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
}

/**
 * Predicts a text from a source.
 *
 * @category Models
 */
export abstract class EncoderDecoder<Source> extends PretrainedModel<EncoderDecoderInput<Source>> {
  /** Token embeddings: [B, T] -> [B, T, D] */
  tokens: Module<Tensor<"u32">>;
  /** The encoder stack. */
  readonly encoder: Stack;
  /** The decoder stack. */
  readonly decoder: Stack;
  /** The output layer: [B, T, D] -> [B, T, V] */
  head: Layer;
  readonly #description: EncoderDecoderDescription;

  /** A model with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(description: EncoderDecoderDescription, { source, form }: {
    readonly source: ParameterSource;
    readonly form: CheckpointForm;
  }) {
    super(form);
    const { numTokens, encoder, decoder, tied, tokenDeviation, padding } = description;
    const { width } = encoder.block;
    const make = new LayerMaker(source, description);
    const tokens = new LayerMaker(source, { deviation: tokenDeviation }).embedding("tokens", {
      numEmbeddings: numTokens,
      embeddingDim: width,
      paddingIndex: padding,
    });
    this.tokens = tokens;
    this.encoder = new Stack(make.within("encoder"), encoder);
    this.decoder = new Stack(make.within("decoder"), decoder);
    this.head = tied ? tiedHead(tokens) : make.linear("head", {
      inFeatures: width,
      outFeatures: numTokens,
      bias: false,
      deviation: tokenDeviation,
    });
    this.#description = description;
  }

  /** Embeds what the encoder reads. @throws {RangeError} if its shape does not fit */
  protected abstract embed(source: Source): Promise<EmbeddedSource>;

  /**
   * The source and targets [B, T] -> logits [B, T, V] of the token after each target, or [n, V] with `logitsAt`.
   *
   * @throws {RangeError} if the shapes do not fit, or a token is not under V
   * @throws {TypeError} if a cache is given together with a mask of targets, with dropout or `logitsAt`
   */
  override async forward(input: EncoderDecoderInput<Source>): Promise<Tensor> {
    const { targets, targetMask, dropout, cache, logitsAt } = input;
    if (cache !== undefined) return await this.#forwardCached(input, cache);
    checkTokens(this, { tokens: targets, mask: targetMask });
    const { x: embedded, mask } = await this.embed(input);
    const encoded = await this.encoder.forward({ x: embedded, mask, dropout });
    this.#checkBatch(encoded, targets);
    const x = await this.tokens.forward(targets);
    const y = await this.decoder.forward({
      x,
      mask: targetMask,
      encoded: { x: encoded, mask },
      dropout,
    });
    return await this.#predict(logitsAt === undefined ? y : featuresAt(y, logitsAt));
  }

  /** Runs the encoder: the source -> [B, S, D]. @throws {RangeError} as `forward()` */
  async encode(input: Source & Pick<TargetInput, "dropout">): Promise<Tensor> {
    return await this.encoder.forward({ ...await this.embed(input), dropout: input.dropout });
  }

  /** The token that begins every text of the decoder. @throws {TypeError} if the config does not name it */
  get startToken(): number {
    return this.#shift().start;
  }

  /** V */
  get numTokens(): number {
    return this.#description.numTokens;
  }

  /** D */
  protected get width(): number {
    return this.#description.encoder.block.width;
  }

  async #predict(y: Tensor): Promise<Tensor> {
    const { outputScale } = this.#description;
    const scaled = outputScale === 1 ? y : scale(y, outputScale);
    return asF32(await this.head.forward(scaled));
  }

  async #forwardCached(
    input: EncoderDecoderInput<Source>,
    cache: KeyValueCache,
  ): Promise<Tensor> {
    const { targets, targetMask, dropout, logitsAt } = input;
    if (targetMask !== undefined || dropout !== undefined || logitsAt !== undefined) {
      throw new TypeError(
        `${this.constructor.name} with a cache takes neither targetMask nor dropout nor logitsAt: leave them out`,
      );
    }
    checkTokens(this, { tokens: targets });
    using pass = cache.begin({ tokens: targets });
    const source = pass.isFirst ? await this.embed(input) : undefined;
    using encoded = source && await this.encoder.forwardOnly(source.x, { mask: source.mask });
    if (encoded !== undefined) this.#checkBatch(encoded, targets);
    const x = await this.decoder.forwardOnly(await this.tokens.forward(targets), {
      encoded: { x: encoded ?? "cached", mask: source?.mask },
      pass,
    });
    const y = await forwardOnly(x, (x) => this.#predict(x));
    pass.end();
    return y;
  }

  /** Vocabulary, blocks and the heads of relative biases are split. */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    planVocabulary(plan, { embedding: this, output: this, gatherLogits });
    for (const { blocks, relativeBias } of [this.encoder, this.decoder]) {
      await planBlocks(plan, blocks);
      relativeBias?.planSplit(plan);
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

  #checkBatch(encoded: Tensor, targets: Tensor<"u32">): void {
    if (encoded.shape[0] === targets.shape[0]) return;
    throw new RangeError(
      `${this.constructor.name} wants targets for each of ${encoded.shape[0]} sources, got ` +
        formatShape(targets.shape),
    );
  }
}

function tiedHead({ weight }: Embedding): Linear {
  return new Linear(weight.device, { weight, bias: undefined });
}

/** @throws {RangeError} unless tokens are [B, T], and their mask as well */
export function checkTokens(model: object, { tokens, mask }: {
  readonly tokens: Tensor<"u32">;
  readonly mask?: Tensor<"u32"> | undefined;
}): void {
  const { name } = model.constructor;
  if (tokens.shape.length !== 2) {
    throw new RangeError(`${name} wants texts of [B, T], got ${formatShape(tokens.shape)}`);
  }
  if (mask !== undefined && !sameShape(mask.shape, tokens.shape)) {
    throw new RangeError(
      `${name} wants a mask of the tokens' shape ${formatShape(tokens.shape)}, got ` +
        formatShape(mask.shape),
    );
  }
}
