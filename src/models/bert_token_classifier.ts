// BERT (Devlin et al. 2018) with a class for every token, as for named entities (their section 5.3).
//
//   h [B, T, D] of the encoder  ->  logits[b, t, :] = W h[b, t, :] + b     [B, T, C],   in ModernBERT of norm(f(W' h + b')) instead of h

import type { Dropout } from "../nn/dropout.ts";
import { LayerMaker } from "../nn/layer_maker.ts";
import type { Layer } from "../nn/module.ts";
import { asF32 } from "../ops/cast.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type BertDescription, BertEncoder, type BertInput } from "./bert.ts";
import type { ClassifierOptions } from "./bert_classifier.ts";
import type { Activation } from "./blocks/activations.ts";
import { makeNorm } from "./blocks/make_norm.ts";
import { type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
import { planBlocks } from "./splitting/split_blocks.ts";
import { requireGatheredLogits, type SplitPlan } from "./splitting/split_plan.ts";
import { planEmbedding } from "./splitting/split_vocabulary.ts";

/**
 * Classifies every token of a text, such as parts of speech or named entities. Its loss is `crossEntropy()` with `IGNORE_INDEX` as the
 * label of tokens that have none.
 *
 * @example
 * ```ts
 * import { crossEntropy, IGNORE_INDEX, newModel } from "@meshfactor/adafactor";
 * import { RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { BertTokenClassifier } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = {
 *   model_type: "bert",
 *   architectures: ["BertForTokenClassification"],
 *   vocab_size: 16,
 *   hidden_size: 8,
 *   num_hidden_layers: 1,
 *   num_attention_heads: 2,
 *   intermediate_size: 16,
 *   max_position_embeddings: 8,
 *   num_labels: 3,
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: BertTokenClassifier });
 * using tokens = Tensor.from(device, [3, 5, 2, 7], { shape: [1, 4], dtype: "u32" });
 * using labels = Tensor.from(device, [IGNORE_INDEX, 0, 2, 0], { shape: [1, 4], dtype: "u32" });
 * const logits = await model.forward({ tokens }); // [1, 4, 3]
 * using loss = crossEntropy(logits, labels, { ignored: IGNORE_INDEX });
 * await loss.backward();
 * ```
 *
 * @category Models
 */
export class BertTokenClassifier extends PretrainedModel<BertInput> {
  /** Embeddings and blocks. */
  readonly encoder: BertEncoder;
  /** A layer before the classifier [B, T, D] -> [B, T, D], if there is one. */
  readonly transform: Layer | undefined;
  /** The norm of what it computed. */
  readonly norm: Layer | undefined;
  /** [B, T, D] -> [B, T, C] */
  classifier: Layer;
  readonly #dropout: Dropout;
  readonly #activation: Activation | undefined;

  /** A model of C classes with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(
    description: BertDescription,
    { source, form, numClasses, dropout, transform }: Omit<ClassifierOptions, "problemType">,
  ) {
    super(form);
    const make = new LayerMaker(source, description);
    this.encoder = new BertEncoder(make.within("encoder"), description);
    const { width, norm } = description.block;
    this.transform = transform && make.linear("transform", {
      inFeatures: width,
      outFeatures: width,
      bias: transform.bias,
    });
    this.norm = transform && makeNorm(make, { name: "norm", width, norm });
    this.#activation = transform?.activation;
    this.classifier = make.linear("classifier", {
      inFeatures: width,
      outFeatures: numClasses,
      bias: true,
    });
    this.#dropout = make.dropout(dropout);
  }

  /** tokens [B, T] -> logits [B, T, C]; those at padding are meaningless. @throws as {@linkcode BertEncoder.forward} */
  override async forward(input: BertInput): Promise<Tensor> {
    let x = await this.encoder.forward(input);
    if (this.transform !== undefined) {
      x = await this.norm!.forward(this.#activation!(await this.transform.forward(x)));
    }
    return asF32(await this.classifier.forward(this.#dropout.apply(x, input.dropout)));
  }

  /** Token table and blocks are split, and the classifier by input features. */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    requireGatheredLogits(this, gatherLogits);
    planEmbedding(plan, this.encoder);
    await planBlocks(plan, this.encoder.blocks);
    const { processGroup } = plan;
    plan.rowParallel(this, "classifier", { processGroup, parallelInput: false });
  }

  /** Releases all parameters and tables. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.encoder.disposeTables();
  }
}
