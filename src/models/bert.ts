// BERT (Devlin et al. 2018): an encoder with attention in both directions and norms after the residual sums. In ALBERT embeddings have E
// features, which are projected to D, and a block is used several times. ModernBERT (Warner et al. 2024) has rotary positions, no token
// types, and norms before each part and after the last.
//
//   e = norm(token[x] + type[y] + position)   [B, T, E]  ->  blocks  ->  norm, if there is one  ->  h [B, T, D]
//   masked language model   logits = norm(f(W h + b)) E^T + c       [B, T, V], E the token table if they are tied
//   classification          bert_classifier.ts, bert_token_classifier.ts

import type { Dropout, DropoutMasks } from "../nn/dropout.ts";
import type { Embedding, TableLayer } from "../nn/embedding.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import { Linear } from "../nn/linear.ts";
import { type Layer, Module } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { add } from "../ops/add.ts";
import { addBias } from "../ops/add_bias.ts";
import { asF32 } from "../ops/cast.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Activation } from "./blocks/activations.ts";
import { Block, type BlockOptions } from "./blocks/block.ts";
import { anglesOf } from "./blocks/block_angles.ts";
import { makeNorm } from "./blocks/make_norm.ts";
import type { TokenDescription } from "./decoder_description.ts";
import { featuresAt } from "./blocks/features_at.ts";
import { LearnedPositions } from "./positions/learned_positions.ts";
import { type RotaryByLayer, RotaryTablesByLayer } from "./positions/rotary_by_layer.ts";
import { type CheckpointForm, type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
import { planBlocks } from "./splitting/split_blocks.ts";
import type { SplitPlan } from "./splitting/split_plan.ts";
import { planVocabulary } from "./splitting/split_vocabulary.ts";

/**
 * The configuration of an encoder.
 *
 * @category Models
 */
export interface BertDescription {
  /** The vocabulary. */
  readonly tokens: TokenDescription;
  /** The maximum number of tokens of a sequence, each position of which has an embedding; or rotary settings. */
  readonly positions: number | RotaryByLayer;
  /** How many token types there are: which text of a pair a token belongs to. 0 if there are none. */
  readonly numTokenTypes: number;
  /** Number of blocks. */
  readonly numBlocks: number;
  /** The indices of the blocks in the order in which they are used. Default: each once. */
  readonly blockOrder?: readonly number[];
  /** The configuration of every block. */
  readonly block: BlockOptions;
  /** What is otherwise in block `index`. Default: nothing. */
  readonly blockOf?: (index: number) => Partial<BlockOptions>;
  /** Whether there is a norm after the last block. Default: false. */
  readonly finalNorm?: boolean;
  /** Whether embeddings are projected from E features to D. Default: E is D. */
  readonly projectsEmbeddings?: boolean;
  /** Standard deviation of initial weights. */
  readonly deviation: number;
  /** In training, the probability of dropping features of embeddings. */
  readonly dropout: number;
}

/**
 * Input of a BERT model.
 *
 * @category Models
 */
export interface BertInput {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T]: the text of a pair that a token belongs to; of no effect in a model without token types. Default: 0 for all. */
  readonly tokenTypes?: Tensor<"u32"> | undefined;
  /** [B, T], 1 for real tokens and 0 for padding, which no token attends to. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
}

/**
 * Embeddings and blocks, which all BERT models have.
 *
 * @category Models
 */
export class BertEncoder extends Module<BertInput> {
  /** Token embeddings: [B, T] -> [B, T, E] */
  tokens: TableLayer;
  /** Token type embeddings: [B, T] -> [B, T, E], if there are any. */
  readonly tokenTypes: Embedding | undefined;
  /** Adds position embeddings, if there are any. */
  readonly positions: LearnedPositions | undefined;
  /** The norm of the sum of the embeddings. */
  readonly norm: Layer;
  /** Projects E features to D, in ALBERT. */
  readonly projectIn: Layer | undefined;
  /** The blocks. */
  readonly blocks: readonly Block[];
  /** The norm after the last block, if there is one. */
  readonly finalNorm: Layer | undefined;
  readonly #tables: RotaryTablesByLayer | undefined;
  readonly #order: readonly number[];
  readonly #dropout: Dropout;

  /** An encoder with layers from `make`. */
  constructor(make: LayerMaker, description: BertDescription) {
    super();
    const { positions, numTokenTypes, numBlocks, block } = description;
    const { tokens: { count, width, padding } } = description;
    const { norm } = block;
    this.tokens = make.embedding("tokens", {
      numEmbeddings: count,
      embeddingDim: width,
      paddingIndex: padding,
    });
    this.tokenTypes = numTokenTypes === 0
      ? undefined
      : make.embedding("tokenTypes", { numEmbeddings: numTokenTypes, embeddingDim: width });
    if (typeof positions === "number") {
      const table = { width, count: positions, offset: 0, counted: "all" } as const;
      this.positions = new LearnedPositions(make.within("positions"), table);
    } else this.#tables = new RotaryTablesByLayer(this.tokens.weight.device, positions);
    this.norm = makeNorm(make, { name: "norm", width, norm });
    this.projectIn = description.projectsEmbeddings
      ? make.linear("projectIn", { inFeatures: width, outFeatures: block.width, bias: true })
      : undefined;
    this.#dropout = make.dropout(description.dropout);
    this.#order = description.blockOrder ?? Array.from({ length: numBlocks }, (_, index) => index);
    this.blocks = Array.from(
      { length: numBlocks },
      (_, index) =>
        new Block(make.within(`blocks.${index}`), { ...block, ...description.blockOf?.(index) }),
    );
    this.finalNorm = description.finalNorm
      ? makeNorm(make, { name: "finalNorm", width: block.width, norm })
      : undefined;
  }

  /** The token table [V, E], for a head that is tied to it. */
  get tokenTable(): Parameter {
    return this.tokens.weight;
  }

  /**
   * tokens [B, T] -> [B, T, D]; outputs at padding are meaningless.
   *
   * @throws {RangeError} if the shapes do not fit, a token or type is not in its table, or there are too few positions.
   */
  override async forward({ tokens, tokenTypes, mask, dropout }: BertInput): Promise<Tensor> {
    checkInput({ tokens, tokenTypes, mask });
    let x = await this.#typed(await this.tokens.forward(tokens), tokenTypes);
    if (this.positions !== undefined) x = await this.positions.forward({ x });
    x = this.#dropout.apply(await this.norm.forward(x), dropout);
    if (this.projectIn !== undefined) x = await this.projectIn.forward(x);
    const angles = this.#tables?.anglesFor(tokens.shape[1]);
    const uses = this.blocks.map(() => 0);
    for (const index of this.#order) {
      const [block, masks] = [this.blocks[index], dropout && { ...dropout, use: uses[index]++ }];
      x = await block.forward({ x, mask, angles: anglesOf(block, angles), dropout: masks });
    }
    return this.finalNorm === undefined ? x : await this.finalNorm.forward(x);
  }

  /** Releases the tables of rotary angles, as the model's parameters are released. */
  disposeTables(): void {
    this.#tables?.[Symbol.dispose]();
  }

  /** Embeddings with those of token types, by default type 0. */
  async #typed(words: Tensor, types: Tensor<"u32"> | undefined): Promise<Tensor> {
    if (this.tokenTypes === undefined) return words;
    if (types !== undefined) return add(words, await this.tokenTypes.forward(types));
    const { weight } = this.tokenTypes;
    const first = reshape(slice(weight, { dim: 0, begin: 0, end: 1 }), [weight.shape[1]]);
    return addBias(words, first);
  }
}

/**
 * Input of a {@linkcode BertMaskedLm}.
 *
 * @category Models
 */
export interface MaskedLmInput extends BertInput {
  /** Indices among all tokens [B T] of which logits are wanted: [n, V]. Default: all, [B, T, V]. */
  readonly logitsAt?: Uint32Array | undefined;
}

/**
 * Options of {@linkcode BertMaskedLm}.
 *
 * @category Models
 */
export interface MaskedLmOptions {
  /** The source of its parameters. */
  readonly source: ParameterSource;
  /** Its config and the names of its parameters in files. */
  readonly form: CheckpointForm;
  /** f, the activation of the head. */
  readonly activation: Activation;
  /** Whether the head's weight is the token table. */
  readonly tied: boolean;
  /** Whether the first layer of the head has a bias. Default: true. */
  readonly transformBias?: boolean;
  /** Whether the output layer has a bias. Default: true. */
  readonly headBias?: boolean;
  /** Whether an untied head has an unused second bias, as BERT's. Default: false. */
  readonly unusedBias?: boolean;
}

/**
 * A masked language model: predicts masked tokens.
 *
 * @example
 * ```ts
 * import { newModel, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { BertMaskedLm } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = {
 *   model_type: "bert",
 *   architectures: ["BertForMaskedLM"],
 *   vocab_size: 16,
 *   hidden_size: 8,
 *   num_hidden_layers: 1,
 *   num_attention_heads: 2,
 *   intermediate_size: 16,
 *   max_position_embeddings: 8,
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: BertMaskedLm });
 * using tokens = Tensor.from(device, [3, 5, 2, 7], { shape: [1, 4], dtype: "u32" });
 * using logits = await model.forward({ tokens });
 * console.log(logits.shape); // [1, 4, 16]
 * ```
 *
 * @category Models
 */
export class BertMaskedLm extends PretrainedModel<MaskedLmInput> {
  /** Embeddings and blocks. */
  readonly encoder: BertEncoder;
  /** The first layer of the head: [B, T, D] -> [B, T, E] */
  readonly transform: Layer;
  /** The norm of transformed features. */
  readonly norm: Layer;
  /** The output layer: [B, T, E] -> [B, T, V] */
  head: Layer;
  /** [V]: an unused second bias of the head, which files of untied models have; it gets no gradient. */
  readonly unusedBias?: Parameter;
  readonly #activation: Activation;

  /** A model with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(description: BertDescription, options: MaskedLmOptions) {
    super(options.form);
    const { block, tokens: { count, width } } = description;
    const { norm } = block;
    const make = new LayerMaker(options.source, description);
    this.#activation = options.activation;
    this.encoder = new BertEncoder(make.within("encoder"), description);
    this.transform = make.linear("transform", {
      inFeatures: block.width,
      outFeatures: width,
      bias: options.transformBias ?? true,
    });
    this.norm = makeNorm(make, { name: "norm", width, norm });
    const zeros = { shape: [count], initial: { every: 0 } };
    const { headBias = true } = options;
    if (options.tied) {
      const weight = this.encoder.tokenTable;
      const bias = headBias ? make.parameter("head.bias", zeros) : undefined;
      this.head = new Linear(weight.device, { weight, bias });
    } else {
      this.head = make.linear("head", { inFeatures: width, outFeatures: count, bias: headBias });
      if (options.unusedBias) this.unusedBias = make.parameter("unusedBias", zeros);
    }
  }

  /** tokens [B, T] -> logits [B, T, V], or [n, V] with `logitsAt`. @throws as {@linkcode BertEncoder.forward} */
  override async forward({ logitsAt, ...input }: MaskedLmInput): Promise<Tensor> {
    const all = await this.encoder.forward(input);
    const encoded = logitsAt === undefined ? all : featuresAt(all, logitsAt);
    const transformed = this.#activation(await this.transform.forward(encoded));
    return asF32(await this.head.forward(await this.norm.forward(transformed)));
  }

  /** Vocabulary and blocks are split; the transform is not, as a norm follows it. */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    planVocabulary(plan, { embedding: this.encoder, output: this, gatherLogits });
    await planBlocks(plan, this.encoder.blocks);
  }

  /** Releases all parameters and tables. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.encoder.disposeTables();
  }
}

function checkInput({ tokens, tokenTypes, mask }: BertInput): void {
  const { shape } = tokens;
  if (shape.length !== 2) {
    throw new RangeError(`BERT wants tokens of [B, T], got ${formatShape(shape)}`);
  }
  for (const [name, other] of Object.entries({ tokenTypes, mask })) {
    if (other !== undefined && !sameShape(other.shape, shape)) {
      throw new RangeError(
        `BERT wants ${name} of the tokens' shape ${formatShape(shape)}, got ${
          formatShape(other.shape)
        }`,
      );
    }
  }
}
