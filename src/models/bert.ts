// BERT (Devlin et al. 2018): an encoder whose tokens all see each other, with norms after the residual sums.
//
//   e = norm(token[x] + type[y] + position)   [B, T, D]  ->  blocks  ->  h [B, T, D]
//   masked language model   logits = norm(f(W h + b)) E^T + c       [B, T, V], E the token table where they are tied
//   classification          logits = W2 tanh(W1 h_0 + b1) + b2      [B, C], h_0 that of the first token

import type { Dropout, DropoutMasks } from "../nn/dropout.ts";
import type { Embedding, TableLayer } from "../nn/embedding.ts";
import { inputPartOf } from "../nn/parallel/input_part.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import { Linear } from "../nn/linear.ts";
import { type Layer, Module } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { tanh } from "../ops/activation.ts";
import { add } from "../ops/add.ts";
import { addBias } from "../ops/add_bias.ts";
import { asF32 } from "../ops/cast.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Activation } from "./blocks/activations.ts";
import { Block, type BlockOptions, makeNorm } from "./blocks/block.ts";
import type { TokenDescription } from "./decoder_description.ts";
import type { ProblemType } from "./losses/classification_loss.ts";
import { firstOfSequence } from "./blocks/first_of_sequence.ts";
import { LearnedPositions } from "./positions/learned_positions.ts";
import { type CheckpointForm, type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
import { planBlocks } from "./splitting/split_blocks.ts";
import { requireGatheredLogits, type SplitPlan } from "./splitting/split_plan.ts";
import { planEmbedding, planVocabulary } from "./splitting/split_vocabulary.ts";

/** What differs between encoders. */
export interface BertDescription {
  /** The vocabulary. */
  readonly tokens: TokenDescription;
  /** The most tokens of a text. */
  readonly numPositions: number;
  /** How many texts may stand in one sequence. */
  readonly numTokenTypes: number;
  /** How many blocks there are. */
  readonly numBlocks: number;
  /** Every block. */
  readonly block: BlockOptions;
  /** Standard deviation of initial weights. */
  readonly deviation: number;
  /** In training, how likely features of embeddings are dropped. */
  readonly dropout: number;
}

/** Texts. */
export interface BertInput {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T]: to which text of a pair a token belongs. Default: all to text 0. */
  readonly tokenTypes?: Tensor<"u32"> | undefined;
  /** [B, T], 1 for real tokens and 0 for padding, which no token sees. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** What is dropped, in training. Default: nothing is. */
  readonly dropout?: DropoutMasks | undefined;
}

/** What all of them share: embeddings and blocks. */
export class BertEncoder extends Module<BertInput> {
  /** [B, T] -> [B, T, D] */
  tokens: TableLayer;
  /** [B, T] -> [B, T, D] */
  readonly tokenTypes: Embedding;
  /** Adds a row of each position. */
  readonly positions: LearnedPositions;
  /** Of the sum of the three. */
  readonly norm: Layer;
  /** One after the other. */
  readonly blocks: readonly Block[];
  readonly #dropout: Dropout;

  /** An encoder with layers from `make`. */
  constructor(make: LayerMaker, description: BertDescription) {
    super();
    const { tokens: { count, padding }, numPositions, numTokenTypes, numBlocks, block } =
      description;
    const { width, norm } = block;
    this.tokens = make.embedding("tokens", {
      numEmbeddings: count,
      embeddingDim: width,
      paddingIndex: padding,
    });
    this.tokenTypes = make.embedding("tokenTypes", {
      numEmbeddings: numTokenTypes,
      embeddingDim: width,
    });
    this.positions = new LearnedPositions(make.within("positions"), {
      width,
      count: numPositions,
      offset: 0,
      counted: "all",
    });
    this.norm = makeNorm(make, { name: "norm", width, norm });
    this.#dropout = make.dropout(description.dropout);
    this.blocks = Array.from(
      { length: numBlocks },
      (_, index) => new Block(make.within(`blocks.${index}`), block),
    );
  }

  /** [V, D], for a head that is tied to it. */
  get tokenTable(): Parameter {
    return this.tokens.weight;
  }

  /**
   * tokens [B, T] -> [B, T, D]; what stands at padding means nothing.
   *
   * @throws {RangeError} if the shapes do not fit, a token or type is not in its table, or there are too few positions.
   */
  override async forward({ tokens, tokenTypes, mask, dropout }: BertInput): Promise<Tensor> {
    checkInput({ tokens, tokenTypes, mask });
    const words = await this.tokens.forward(tokens);
    const typed = tokenTypes === undefined
      ? addBias(words, this.#firstType())
      : add(words, await this.tokenTypes.forward(tokenTypes));
    let x = await this.norm.forward(await this.positions.forward({ x: typed }));
    x = this.#dropout.apply(x, dropout);
    for (const block of this.blocks) x = await block.forward({ x, mask, dropout });
    return x;
  }

  /** [D] */
  #firstType(): Tensor {
    const { weight } = this.tokenTypes;
    return reshape(slice(weight, { dim: 0, begin: 0, end: 1 }), [weight.shape[1]]);
  }
}

/** What a masked language model is made of. */
export interface MaskedLmOptions {
  /** Where its parameters come from. */
  readonly source: ParameterSource;
  /** What ties it to its files. */
  readonly form: CheckpointForm;
  /** f, of the head. */
  readonly activation: Activation;
  /** Whether the head's weight is the token table. */
  readonly tied: boolean;
}

/** Guesses tokens that are hidden. */
export class BertMaskedLm extends PretrainedModel<BertInput> {
  /** What reads the text. */
  readonly encoder: BertEncoder;
  /** [B, T, D] -> [B, T, D] */
  readonly transform: Layer;
  /** Of what was transformed. */
  readonly norm: Layer;
  /** [B, T, D] -> [B, T, V] */
  head: Layer;
  /** [V]: a second bias of the head in the files of models that are not tied, which nothing uses: it has no gradient. */
  readonly unusedBias?: Parameter;
  readonly #activation: Activation;

  /** A model with parameters from `source`. @throws {Error} if the source has not what the description wants */
  constructor(description: BertDescription, options: MaskedLmOptions) {
    super(options.form);
    const { block: { width, norm }, tokens: { count } } = description;
    const make = new LayerMaker(options.source, description);
    const square = { inFeatures: width, outFeatures: width, bias: true };
    this.#activation = options.activation;
    this.encoder = new BertEncoder(make.within("encoder"), description);
    this.transform = make.linear("transform", square);
    this.norm = makeNorm(make, { name: "norm", width, norm });
    const zeros = { shape: [count], initial: { every: 0 } };
    if (options.tied) {
      const bias = make.parameter("head.bias", zeros);
      this.head = new Linear(bias.device, { weight: this.encoder.tokenTable, bias });
    } else {
      this.head = make.linear("head", { ...square, outFeatures: count });
      this.unusedBias = make.parameter("unusedBias", zeros);
    }
  }

  /** tokens [B, T] -> logits [B, T, V]. @throws as {@linkcode BertEncoder.forward} */
  override async forward(input: BertInput): Promise<Tensor> {
    const encoded = await this.encoder.forward(input);
    const transformed = this.#activation(await this.transform.forward(encoded));
    return asF32(await this.head.forward(await this.norm.forward(transformed)));
  }

  /** Vocabulary and blocks are split; the transform is not, as a norm follows it. */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    planVocabulary(plan, { embedding: this.encoder, output: this, gatherLogits });
    await planBlocks(plan, this.encoder.blocks);
  }
}

/** What a classifier is made of. */
export interface ClassifierOptions {
  /** Where its parameters come from. */
  readonly source: ParameterSource;
  /** What ties it to its files. */
  readonly form: CheckpointForm;
  /** C */
  readonly numClasses: number;
  /** What its labels are, where the config says so: for `classificationLoss()`. */
  readonly problemType?: ProblemType | undefined;
  /** In training, how likely features that the classifier sees are dropped. */
  readonly dropout: number;
}

/** Says of which class a text is, or a pair of texts. */
export class BertClassifier extends PretrainedModel<BertInput> {
  /** What reads the text. */
  readonly encoder: BertEncoder;
  /** The first token's features [B, D] -> [B, D] */
  pooler: Layer;
  /** [B, D] -> [B, C] */
  classifier: Layer;
  /** What labels are, where the config says so: for `classificationLoss()`. */
  readonly problemType: ProblemType | undefined;
  readonly #dropout: Dropout;

  /** A model of C classes with parameters from `source`. @throws {Error} if the source has not what is wanted */
  constructor(
    description: BertDescription,
    { source, form, numClasses, problemType, dropout }: ClassifierOptions,
  ) {
    super(form);
    const { block: { width } } = description;
    const make = new LayerMaker(source, description);
    const square = { inFeatures: width, outFeatures: width, bias: true };
    this.encoder = new BertEncoder(make.within("encoder"), description);
    this.pooler = make.linear("pooler", square);
    this.classifier = make.linear("classifier", { ...square, outFeatures: numClasses });
    this.problemType = problemType;
    this.#dropout = make.dropout(dropout);
  }

  /** tokens [B, T] -> logits [B, C]. @throws as {@linkcode BertEncoder.forward} */
  override async forward(input: BertInput): Promise<Tensor> {
    const first = firstOfSequence(await this.encoder.forward(input));
    const pooled = tanh(await this.pooler.forward(first));
    const part = inputPartOf(this.classifier);
    return asF32(await this.classifier.forward(this.#dropout.apply(pooled, input.dropout, part)));
  }

  /** Token table and blocks are split; pooler and classifier as the two layers of an MLP, so that pooled features stay local. */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    requireGatheredLogits(this, gatherLogits);
    planEmbedding(plan, this.encoder);
    await planBlocks(plan, this.encoder.blocks);
    plan.columnParallel(this, "pooler");
    plan.rowParallel(this, "classifier");
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
