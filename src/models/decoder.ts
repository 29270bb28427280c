// A decoder-only language model: predicts the next token from those before it. Tokens [B, T] -> logits [B, T, V]
//
//   x = embedding of tokens [B, T, E], projected to D if E is not D, plus positions if they are learned
//   x = block(x), for every block
//   logits = head(norm x), projected back to E if E is not D; the head's weight may be the embedding itself
//
// One class for GPT-2, Llama, Mistral, Qwen and OPT, which differ in their DecoderDescription; families/ makes it from configs. Layers
// know nothing of ranks: parallelize() replaces them by split ones, as planSplit() says.

import type { Dropout, DropoutMasks } from "../nn/dropout.ts";
import type { Embedding } from "../nn/embedding.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import { Linear } from "../nn/linear.ts";
import type { Layer, Module } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { asF32 } from "../ops/cast.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { Block, makeNorm } from "./blocks/block.ts";
import type { DecoderDescription } from "./decoder_description.ts";
import { LearnedPositions } from "./positions/learned_positions.ts";
import { type CheckpointForm, type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
import { RotaryTables } from "./positions/rotary_tables.ts";
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
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
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
  /** The blocks, in order. */
  readonly blocks: readonly Block[];
  /** The norm after the last block, if there is one. */
  readonly norm: Layer | undefined;
  /** Projects D features back to E, if they differ. */
  readonly projectOut: Layer | undefined;
  /** The output layer: [B, T, E] -> [B, T, V]; its weight is that of `tokens` if they are tied. */
  head: Layer;
  readonly #tables: RotaryTables | undefined;
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
    this.projectIn = project("projectIn", tokens.width, width);
    if (positions.kind === "learned") {
      this.positions = new LearnedPositions(make.within("positions"), { width, ...positions });
    } else {
      this.#tables = new RotaryTables(source.device, positions.settings);
    }
    this.#dropout = make.dropout(description.dropout);
    const blocks: Block[] = [];
    for (let index = 0; index < numBlocks; index++) {
      const maker = make.within(`blocks.${index}`);
      blocks.push(new Block(maker, { width, norm, normPlace, ...description.block(index) }));
    }
    this.blocks = blocks;
    this.norm = description.finalNorm ? makeNorm(make, { name: "norm", width, norm }) : undefined;
    this.projectOut = project("projectOut", width, tokens.width);
    this.head = description.tied ? tiedHead(embedding) : make.linear("head", {
      inFeatures: tokens.width,
      outFeatures: tokens.count,
      bias: false,
    });
  }

  /**
   * tokens [B, T] -> logits [B, T, V]; logits at padding are meaningless.
   *
   * @throws {RangeError} if the shapes do not fit, a token is not under V, or the text is longer than the position table.
   */
  override async forward({ tokens, mask, dropout }: DecoderInput): Promise<Tensor> {
    checkInput({ tokens, mask });
    let x = await this.tokens.forward(tokens);
    if (this.projectIn !== undefined) x = await this.projectIn.forward(x);
    if (this.positions !== undefined) x = await this.positions.forward({ x, mask });
    if (this.#dropout !== undefined) x = this.#dropout.apply(x, dropout);
    const angles = this.#tables?.anglesFor(tokens.shape[1]);
    for (const block of this.blocks) x = await block.forward({ x, mask, angles, dropout });
    if (this.norm !== undefined) x = await this.norm.forward(x);
    if (this.projectOut !== undefined) x = await this.projectOut.forward(x);
    return asF32(await this.head.forward(x));
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

function tiedHead({ weight }: Embedding): Linear {
  return new Linear(weight.device, { weight, bias: undefined });
}

function checkInput({ tokens, mask }: DecoderInput): void {
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
