// BERT (Devlin et al. 2018) with a class for every text. The text's features are those of its first token, or the mean over real tokens.
//
//   h [B, T, D] of the encoder  ->  h_0 or mean_t h_t [B, D]  ->  logits = W2 norm(f(W1 h + b1)) + b2     [B, C]
//
// f is tanh, without a norm; ModernBERT has another activation and a norm.

import type { Dropout } from "../nn/dropout.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import type { Layer } from "../nn/module.ts";
import { inputPartOf } from "../nn/parallel/input_part.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { tanh } from "../ops/activation.ts";
import { asF32 } from "../ops/cast.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type BertDescription, BertEncoder, type BertInput } from "./bert.ts";
import type { Activation } from "./blocks/activations.ts";
import { firstOfSequence } from "./blocks/first_of_sequence.ts";
import { makeNorm } from "./blocks/make_norm.ts";
import { meanOfSequence } from "./blocks/mean_of_sequence.ts";
import type { ProblemType } from "./losses/classification_loss.ts";
import { type CheckpointForm, type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
import { planBlocks } from "./splitting/split_blocks.ts";
import { requireGatheredLogits, type SplitPlan } from "./splitting/split_plan.ts";
import { planEmbedding } from "./splitting/split_vocabulary.ts";

/**
 * Options of {@linkcode BertClassifier}.
 *
 * @category Models
 */
export interface ClassifierOptions {
  /** The source of its parameters. */
  readonly source: ParameterSource;
  /** Its config and the names of its parameters in files. */
  readonly form: CheckpointForm;
  /** C */
  readonly numClasses: number;
  /** The kind of labels, if the config says so: for `classificationLoss()`. */
  readonly problemType?: ProblemType | undefined;
  /** In training, the probability of dropping features of the classifier's input. */
  readonly dropout: number;
  /** A layer, an activation and a norm before the classifier, in ModernBERT. Default: those of BERT. */
  readonly transform?: { readonly activation: Activation; readonly bias: boolean } | undefined;
}

/**
 * Classifies a text, or a pair of texts.
 *
 * @example
 * ```ts
 * import { newModel, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { BertClassifier } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = {
 *   model_type: "bert",
 *   architectures: ["BertForSequenceClassification"],
 *   vocab_size: 16,
 *   hidden_size: 8,
 *   num_hidden_layers: 1,
 *   num_attention_heads: 2,
 *   intermediate_size: 16,
 *   max_position_embeddings: 8,
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: BertClassifier });
 * using tokens = Tensor.from(device, [3, 5, 2, 7], { shape: [1, 4], dtype: "u32" });
 * using logits = await model.forward({ tokens });
 * console.log(logits.shape); // [1, 2]
 * ```
 *
 * @category Models
 */
export class BertClassifier extends PretrainedModel<BertInput> {
  /** Embeddings and blocks. */
  readonly encoder: BertEncoder;
  /** A text's features [B, D] -> [B, D] */
  pooler: Layer;
  /** The norm of pooled features, if there is one. */
  readonly norm: Layer | undefined;
  /** [B, D] -> [B, C] */
  classifier: Layer;
  /** The kind of labels, if the config says so: for `classificationLoss()`. */
  readonly problemType: ProblemType | undefined;
  readonly #dropout: Dropout;
  readonly #activation: Activation;
  readonly #pooling: "first" | "mean";

  /** A model of C classes with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(
    description: BertDescription,
    { source, form, numClasses, problemType, dropout, transform, pooling = "first" }:
      & ClassifierOptions
      & { readonly pooling?: "first" | "mean" },
  ) {
    super(form);
    const { block: { width, norm } } = description;
    const make = new LayerMaker(source, description);
    const square = { inFeatures: width, outFeatures: width, bias: true };
    this.encoder = new BertEncoder(make.within("encoder"), description);
    this.pooler = make.linear("pooler", { ...square, bias: transform?.bias ?? true });
    this.norm = transform && makeNorm(make, { name: "norm", width, norm });
    this.classifier = make.linear("classifier", { ...square, outFeatures: numClasses });
    this.problemType = problemType;
    this.#dropout = make.dropout(dropout);
    this.#activation = transform?.activation ?? tanh;
    this.#pooling = pooling;
  }

  /** tokens [B, T] -> logits [B, C]. @throws as {@linkcode BertEncoder.forward} */
  override async forward(input: BertInput): Promise<Tensor> {
    const encoded = await this.encoder.forward(input);
    const text = this.#pooling === "first"
      ? firstOfSequence(encoded)
      : meanOfSequence(encoded, input.mask);
    const activated = this.#activation(await this.pooler.forward(text));
    const pooled = this.norm === undefined ? activated : await this.norm.forward(activated);
    const part = this.norm === undefined ? inputPartOf(this.classifier) : undefined;
    return asF32(await this.classifier.forward(this.#dropout.apply(pooled, input.dropout, part)));
  }

  /**
   * Token table and blocks are split; pooler and classifier like the two layers of an MLP, so that pooled features stay local, unless a
   * norm needs all of them.
   */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    requireGatheredLogits(this, gatherLogits);
    planEmbedding(plan, this.encoder);
    await planBlocks(plan, this.encoder.blocks);
    const { processGroup } = plan;
    if (this.norm === undefined) plan.columnParallel(this, "pooler");
    const parallelInput = this.norm === undefined;
    plan.rowParallel(this, "classifier", { processGroup, parallelInput });
  }

  /** Releases all parameters and tables. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.encoder.disposeTables();
  }
}
