// ViT (Dosovitskiy et al. 2020): a vision encoder with a class token, and a classifier of its features.
//
//   pixels [B, C, height, width] -> encoder [B, T, D] -> features of the image [B, D'] -> classifier [B, L]
//
// The features are those of the class token, the mean of all tokens (SigLIP), or the class token's and the mean of the others (DINOv2).

import { LayerMaker } from "../nn/layer_maker.ts";
import type { Layer } from "../nn/module.ts";
import type { ParameterSource } from "../nn/parameter_source.ts";
import { asF32 } from "../ops/cast.ts";
import { mean } from "../ops/mean.ts";
import { concat, slice } from "../ops/slice.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { firstOfSequence } from "./blocks/first_of_sequence.ts";
import type { ProblemType } from "./losses/classification_loss.ts";
import { type CheckpointForm, type PlanSplitOptions, PretrainedModel } from "./pretrained_model.ts";
import { planBlocks } from "./splitting/split_blocks.ts";
import { requireGatheredLogits, type SplitPlan } from "./splitting/split_plan.ts";
import { type VisionDescription, VisionEncoder, type VisionInput } from "./vision_encoder.ts";

/**
 * The configuration of a ViT model.
 *
 * @category Models
 */
export interface VitDescription extends VisionDescription {
  /** L */
  readonly numClasses: number;
  /** The features of an image: those of the first token, the mean of all, or both the first and the mean of the others. Default: "first". */
  readonly pooling?: "first" | "mean" | "firstAndMean";
  /** Whether files have a token for masked patches [1, D], which the classifier does not use. Default: false. */
  readonly hasMaskToken?: boolean;
  /** The kind of labels, if the config says so: for `classificationLoss()`. */
  readonly problemType?: ProblemType | undefined;
}

/**
 * Classifies images.
 *
 * @example
 * ```ts
 * import { newModel, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { VitClassifier } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = {
 *   model_type: "vit",
 *   hidden_size: 8,
 *   num_hidden_layers: 1,
 *   num_attention_heads: 2,
 *   intermediate_size: 16,
 *   image_size: 4,
 *   patch_size: 2,
 *   num_labels: 3,
 * };
 * using model = newModel(device, config, { random: new RandomSource(1), model: VitClassifier });
 * using pixels = Tensor.from(device, new Float32Array(3 * 4 * 4), { shape: [1, 3, 4, 4] });
 * using logits = await model.forward({ pixels });
 * console.log(logits.shape); // [1, 3]
 * ```
 *
 * @category Models
 */
export class VitClassifier extends PretrainedModel<VisionInput> {
  /** Its configuration. */
  readonly description: VitDescription;
  /** Turns images into sequences of features, of which the first is the class token's. */
  readonly encoder: VisionEncoder;
  /** [B, D'] -> [B, L] */
  classifier: Layer;
  /** [1, D]: a token for masked patches, which files may have; it gets no gradient. */
  readonly maskToken?: Parameter;

  /** A model with parameters from `source`. @throws {Error} if the source lacks one of the requested shape */
  constructor(description: VitDescription, { source, form }: {
    readonly source: ParameterSource;
    readonly form: CheckpointForm;
  }) {
    super(form);
    const make = new LayerMaker(source, description);
    this.description = description;
    this.encoder = new VisionEncoder(make.within("encoder"), description);
    const { block: { width }, pooling, numClasses } = description;
    this.classifier = make.linear("classifier", {
      inFeatures: pooling === "firstAndMean" ? 2 * width : width,
      outFeatures: numClasses,
      bias: true,
    });
    if (description.hasMaskToken) {
      this.maskToken = make.parameter("maskToken", { shape: [1, width], initial: { every: 0 } });
    }
  }

  /** pixels [B, C, height, width] -> logits [B, L]. @throws {RangeError} if images are not of the model's size */
  override async forward(input: VisionInput): Promise<Tensor> {
    const features = this.#pooled(await this.encoder.forward(input));
    return asF32(await this.classifier.forward(features));
  }

  #pooled(x: Tensor): Tensor {
    const { pooling = "first" } = this.description;
    if (pooling === "first") return firstOfSequence(x);
    if (pooling === "mean") return mean(x, { dim: 1 });
    const others = slice(x, { dim: 1, begin: 1, end: x.shape[1] });
    return concat([firstOfSequence(x), mean(others, { dim: 1 })], { dim: 1 });
  }

  /** Blocks are split, and the classifier by input features. */
  override async planSplit(plan: SplitPlan, { gatherLogits }: PlanSplitOptions): Promise<void> {
    requireGatheredLogits(this, gatherLogits);
    await planBlocks(plan, this.encoder.blocks);
    const { processGroup } = plan;
    plan.rowParallel(this, "classifier", { processGroup, parallelInput: false });
  }
}
