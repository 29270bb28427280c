// A decoder-only language model: predicts the next token from those before it. Tokens [B, T] -> logits [B, T, V]
//
//   x = c' embedding of tokens [B, T, E], projected to D if E is not D, plus positions if they are learned, normalized if there is a norm
//   x = block(x), for every block
//   logits = c head(norm x), projected back to E if E is not D, and perhaps capped; the head's weight may be the embedding itself
//
// With a cache (cache/key_value_cache.ts) tokens are the next ones of their texts, and no gradient is recorded.
//
// One class for GPT-2, GPT-J, Llama, Mistral, Mixtral, Qwen, OPT, Falcon, BLOOM, Cohere, GLM and DeepSeek, which differ in their
// DecoderDescription; families/ makes it from configs. Layers know nothing of ranks: parallelize() replaces them by split ones, as
// planSplit() says.

import type { Dropout, DropoutMasks } from "../nn/dropout.ts";
import type { Embedding } from "../nn/embedding.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import { Linear } from "../nn/linear.ts";
import type { Layer, Module } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { tanh } from "../ops/activation.ts";
import { asF32 } from "../ops/cast.ts";
import { scale } from "../ops/scale.ts";
import { roundedTo } from "../tensor/dtype.ts";
import { forwardOnly } from "../tensor/forward_only.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { Block } from "./blocks/block.ts";
import { anglesOf } from "./blocks/block_angles.ts";
import { makeNorm } from "./blocks/make_norm.ts";
import { featuresAt } from "./blocks/features_at.ts";
import type { RoutingRecord } from "./blocks/routing_record.ts";
import type { KeyValueCache } from "./cache/key_value_cache.ts";
import type { DecoderDescription } from "./decoder_description.ts";
import { LearnedPositions } from "./positions/learned_positions.ts";
import { type CheckpointForm, type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
import { RotaryTablesByLayer } from "./positions/rotary_by_layer.ts";
import { planBlocks } from "./splitting/split_blocks.ts";
import type { SplitPlan } from "./splitting/split_plan.ts";
import { planVocabulary } from "./splitting/split_vocabulary.ts";

/**
 * Input of a {@linkcode Decoder}.
 *
 * @category Models
 */
export interface DecoderInput {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T], 1 for real tokens and 0 for padding, which no real token attends to. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** [B, T, E]: embeddings in the place of the tokens', such as those of an image; with a cache, the pass releases them. */
  readonly embeddings?: Tensor | undefined;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
  /** Gets the decisions of routers, for a model with experts. Default: nothing is recorded. */
  readonly routing?: RoutingRecord | undefined;
  /**
   * Keys and values of the tokens before these; those of these are added. The first pass takes a text per row, with padding at the
   * ends of shorter ones; later ones take a token per row, and no mask. No gradient is recorded. Default: there are no tokens before.
   */
  readonly cache?: KeyValueCache | undefined;
  /** Whether to return the logits after every token, or [B, 1, V] after the last real one of each row. Default: "all". */
  readonly logits?: "all" | "last" | undefined;
  /** Indices among all tokens [B T] after which logits are wanted: [n, V]. Not with a cache. Default: as `logits` says. */
  readonly logitsAt?: Uint32Array | undefined;
}

/**
 * A decoder-only language model.
 *
 * @example
 * ```ts
 * import { Decoder, newModel, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * using tokens = Tensor.from(device, [3, 5, 2, 7], { shape: [1, 4], dtype: "u32" });
 * using logits = await model.forward({ tokens });
 * console.log(logits.shape); // [1, 4, 16]
 * ```
 *
 * @category Models
 */
export class Decoder extends PretrainedModel<DecoderInput> {
  /** Its configuration. */
  readonly description: DecoderDescription;
  /** Token embeddings: [B, T] -> [B, T, E] */
  tokens: Module<Tensor<"u32">>;
  /** Projects E features to D, if they differ. */
  readonly projectIn: Layer | undefined;
  /** Adds position embeddings, if positions are learned. */
  readonly positions: LearnedPositions | undefined;
  /** The norm of embeddings, if there is one. */
  readonly embeddingNorm: Layer | undefined;
  /** The blocks, in order. */
  readonly blocks: readonly Block[];
  /** The norm after the last block, if there is one. */
  readonly norm: Layer | undefined;
  /** Projects D features back to E, if they differ. */
  readonly projectOut: Layer | undefined;
  /** The output layer: [B, T, E] -> [B, T, V]; its weight is that of `tokens` if they are tied. */
  head: Layer;
  readonly #tables: RotaryTablesByLayer | undefined;
  readonly #tableScale: number;
  readonly #dropout: Dropout | undefined;

  /** A decoder with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(description: DecoderDescription, { source, form }: {
    readonly source: ParameterSource;
    readonly form: CheckpointForm;
  }) {
    super(form);
    const { tokens, width, positions, norm, normPlace, numBlocks, deviation } = description;
    const make = new LayerMaker(source, { deviation });
    const project = (name: string, inFeatures: number, outFeatures: number) =>
      tokens.width === width
        ? undefined
        : make.linear(name, { inFeatures, outFeatures, bias: false });
    const embedding = make.embedding("tokens", {
      numEmbeddings: tokens.count,
      embeddingDim: tokens.width,
      paddingIndex: tokens.padding,
    });
    this.description = description;
    this.tokens = embedding;
    this.#tableScale = tokens.scale?.of === "table"
      ? roundedTo(embedding.weight.dtype, tokens.scale.factor)
      : 1;
    this.projectIn = project("projectIn", tokens.width, width);
    if (positions.kind === "learned") {
      this.positions = new LearnedPositions(make.within("positions"), { width, ...positions });
    } else if (positions.kind === "rotary") {
      this.#tables = new RotaryTablesByLayer(source.device, positions);
    }
    this.embeddingNorm = description.embeddingNorm
      ? makeNorm(make, { name: "embeddingNorm", width, norm })
      : undefined;
    this.#dropout = make.dropout(description.dropout);
    const blocks: Block[] = [];
    for (let index = 0; index < numBlocks; index++) {
      const maker = make.within(`blocks.${index}`);
      blocks.push(new Block(maker, { width, norm, normPlace, ...description.block(index) }));
    }
    this.blocks = blocks;
    this.norm = description.finalNorm ? makeNorm(make, { name: "norm", width, norm }) : undefined;
    this.projectOut = project("projectOut", width, tokens.width);
    const { headBias: bias = false } = description;
    this.head = description.tied
      ? tiedHead(embedding, bias ? make.parameter("head.bias", zeros(tokens.count)) : undefined)
      : make.linear("head", { inFeatures: tokens.width, outFeatures: tokens.count, bias });
  }

  /**
   * tokens [B, T] -> logits [B, T, V], or [n, V] with `logitsAt`; logits at padding are meaningless.
   *
   * @throws {RangeError} if the shapes do not fit, a token is not under V, or the text is longer than the position table; with a cache
   *   also if the tokens are not the next of its texts, or there are more than `longestCached`.
   */
  override async forward(input: DecoderInput): Promise<Tensor> {
    checkInput(input);
    const { tokens, mask, dropout, routing, cache, logits = "all", logitsAt } = input;
    if (cache !== undefined) return await this.#forwardCached(input, cache);
    let x = await this.#embed(input);
    if (this.positions !== undefined) x = await this.positions.forward({ x, mask });
    if (this.#dropout !== undefined) x = this.#dropout.apply(x, dropout);
    const angles = this.#tables?.anglesFor(tokens.shape[1]);
    const positions = this.#hasAlibi ? realPositions(input) : undefined;
    for (const block of this.blocks) {
      const own = anglesOf(block, angles);
      x = await block.forward({ x, mask, angles: own, positions, dropout, routing });
    }
    if (logitsAt !== undefined) x = featuresAt(x, logitsAt);
    else if (logits === "last") {
      x = featuresAt(x, lastRealTokens(input), { shape: [x.shape[0], 1] });
    }
    return await this.#predict(x);
  }

  /** The embeddings of tokens: [B, T] -> [B, T, E], as `embeddings` of {@linkcode DecoderInput} may replace some of them. */
  async embed(tokens: Tensor<"u32">): Promise<Tensor> {
    return scaled(await this.tokens.forward(tokens), this.#tableScale);
  }

  /** The most tokens of a text with a cache: with "dynamic" rotary frequencies, a longer text rotates the keys before it anew. */
  get longestCached(): number {
    const { positions } = this.description;
    if (positions.kind === "learned") return positions.count;
    if (positions.kind === "alibi") return Infinity;
    const { settings, local = settings } = positions;
    return Math.min(settings.constantUpTo, local.constantUpTo);
  }

  get #hasAlibi(): boolean {
    return this.description.positions.kind === "alibi";
  }

  /** Each part's input and intermediates are released as soon as its output is computed. */
  async #forwardCached(
    { tokens, mask, embeddings, routing, logits = "all" }: DecoderInput,
    cache: KeyValueCache,
  ): Promise<Tensor> {
    const [, length] = tokens.shape;
    using pass = cache.begin({ tokens, mask });
    const { longestCached } = this;
    if (pass.longest > longestCached) {
      throw new RangeError(
        `The model supports ${longestCached} tokens with a cache, got a text of ${pass.longest}`,
      );
    }
    const positions = pass.positions(length);
    using angles = this.#tables?.anglesAt(positions);
    let x = embeddings === undefined
      ? await this.#embed({ tokens })
      : await forwardOnly(embeddings, (x) => this.#embed({ tokens, embeddings: x }));
    const { positions: table } = this;
    const own = this.#hasAlibi ? positions : undefined;
    if (table !== undefined) x = await forwardOnly(x, (x) => table.forward({ x, at: positions }));
    for (const block of this.blocks) {
      const input = { angles: anglesOf(block, angles), positions: own, cache: pass, routing };
      x = await forwardOnly(x, (x) => block.forward({ x, ...input }));
    }
    if (logits === "last" && length > 1) {
      const shape = [x.shape[0], 1];
      x = await forwardOnly(x, (x) => featuresAt(x, pass.lastTokens(length), { shape }));
    }
    const y = await forwardOnly(x, (x) => this.#predict(x));
    pass.end();
    return y;
  }

  async #embed({ tokens, embeddings }: Pick<DecoderInput, "tokens" | "embeddings">) {
    if (embeddings !== undefined) this.#checkEmbeddings(embeddings, tokens);
    let x = embeddings ?? await this.embed(tokens);
    const { scale: given } = this.description.tokens;
    if (given?.of === "embeddings") x = scaled(x, given.factor);
    if (this.projectIn !== undefined) x = await this.projectIn.forward(x);
    return this.embeddingNorm === undefined ? x : await this.embeddingNorm.forward(x);
  }

  #checkEmbeddings({ shape }: Tensor, tokens: Tensor<"u32">): void {
    const wanted = [...tokens.shape, this.description.tokens.width];
    if (sameShape(shape, wanted)) return;
    throw new RangeError(
      `The decoder wants embeddings of ${formatShape(wanted)}, got ${formatShape(shape)}`,
    );
  }

  async #predict(x: Tensor): Promise<Tensor> {
    let y = x;
    if (this.norm !== undefined) y = await this.norm.forward(y);
    if (this.projectOut !== undefined) y = await this.projectOut.forward(y);
    const { logitScale, logitCap } = this.description;
    let logits = asF32(await this.head.forward(y));
    if (logitScale !== undefined) logits = scale(logits, logitScale);
    return logitCap === undefined ? logits : capped(logits, logitCap);
  }

  /** Vocabulary and blocks are split. */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    planVocabulary(plan, { embedding: this, output: this, gatherLogits });
    await planBlocks(plan, this.blocks);
  }

  /** Releases all parameters and tables. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#tables?.[Symbol.dispose]();
  }
}

function scaled(x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : scale(x, factor);
}

/** The indices among all tokens [B, T] of the last real one of each row. */
function lastRealTokens({ tokens, mask }: DecoderInput): Uint32Array {
  const [batch, length] = tokens.shape;
  return Uint32Array.from({ length: batch }, (_, row) => {
    const own = mask?.indices?.subarray(row * length, (row + 1) * length);
    return row * length + Math.max(0, own?.lastIndexOf(1) ?? length - 1);
  });
}

/** Positions of tokens [B, T] among the real ones of their text; 0 at padding. */
function realPositions({ tokens, mask }: DecoderInput): Uint32Array {
  const [, length] = tokens.shape;
  const positions = new Uint32Array(tokens.length);
  let seen = 0;
  for (let at = 0; at < positions.length; at++) {
    if (at % length === 0) seen = 0;
    if (mask?.indices?.[at] === 0) continue;
    positions[at] = seen++;
  }
  return positions;
}

/** cap tanh(x / cap); no gradient needs x or the tanh, which are as large as logits. */
function capped(x: Tensor, cap: number): Tensor {
  const part = scale(x, 1 / cap);
  x.discard();
  const bounded = tanh(part);
  const y = scale(bounded, cap);
  bounded.discard();
  return y;
}

function tiedHead({ weight }: Embedding, bias: Parameter | undefined): Linear {
  return new Linear(weight.device, { weight, bias });
}

function zeros(length: number) {
  return { shape: [length], initial: { every: 0 } };
}

function checkInput({ tokens, mask, cache, dropout, logitsAt }: DecoderInput): void {
  if (cache !== undefined && logitsAt !== undefined) {
    throw new TypeError("A decoder with a cache takes no logitsAt: leave it out");
  }
  if (cache !== undefined && dropout !== undefined) {
    throw new TypeError(
      "A decoder with a cache records no gradient, so nothing can be dropped: leave dropout out",
    );
  }
  if (tokens.shape.length !== 2) {
    throw new RangeError(`A decoder wants tokens of [B, T], got ${formatShape(tokens.shape)}`);
  }
  if (mask !== undefined && !sameShape(mask.shape, tokens.shape)) {
    throw new RangeError(
      `A decoder wants a mask of the tokens' shape ${formatShape(tokens.shape)}, got ` +
        formatShape(mask.shape),
    );
  }
  if (mask !== undefined && mask.largest! > 1) {
    throw new RangeError(`A decoder wants a mask of 0 and 1, got ${mask.largest}`);
  }
}
