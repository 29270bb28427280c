// ViT (Dosovitskiy et al. 2020) with a head for image classification.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import {
  blockCount,
  count,
  flag,
  type ModelConfig,
  positive,
  probability,
} from "../config/model_config.ts";
import type { Architecture } from "../pretrained_model.ts";
import type { VisionDescription } from "../vision_encoder.ts";
import { VitClassifier } from "../vit.ts";
import { readClasses } from "./classes.ts";

/** `ViTForImageClassification` */
export const vitClassifier: Architecture = {
  name: "ViTForImageClassification",
  baseName: "ViTModel",
  head: ["classifier"],
  makes: VitClassifier,
  modelType: "vit",
  fromConfig(config) {
    const description = {
      ...vitDescription(config, config.read(settings)),
      ...readClasses(config),
    };
    const options = { form: { config, names } };
    return { names, build: (source) => new VitClassifier(description, { source, ...options }) };
  },
};

const names: CheckpointNames = {
  modules: {
    "encoder.embeddings.classToken": "vit.embeddings.cls_token",
    "encoder.embeddings.positions": "vit.embeddings.position_embeddings",
    "encoder.embeddings.patches": "vit.embeddings.patch_embeddings.projection",
    "encoder.blocks.*.attentionNorm": "vit.encoder.layer.*.layernorm_before",
    "encoder.blocks.*.attention.query": "vit.encoder.layer.*.attention.attention.query",
    "encoder.blocks.*.attention.key": "vit.encoder.layer.*.attention.attention.key",
    "encoder.blocks.*.attention.value": "vit.encoder.layer.*.attention.attention.value",
    "encoder.blocks.*.attention.output": "vit.encoder.layer.*.attention.output.dense",
    "encoder.blocks.*.mlpNorm": "vit.encoder.layer.*.layernorm_after",
    "encoder.blocks.*.mlp.up": "vit.encoder.layer.*.intermediate.dense",
    "encoder.blocks.*.mlp.down": "vit.encoder.layer.*.output.dense",
    "encoder.norm": "vit.layernorm",
    "classifier": "classifier",
  },
  basePrefix: "vit.",
  ignored: [/^vit\.pooler\./],
};

/** Height and width, given as one number or as two. */
export const imageSize = v.union([
  v.pipe(count, v.transform((side) => [side, side] as const)),
  v.pipe(v.strictTuple([count, count]), v.readonly()),
]);

const settings = v.object({
  hidden_size: v.optional(count, 768),
  num_hidden_layers: v.optional(blockCount, 12),
  num_attention_heads: v.optional(count, 12),
  intermediate_size: v.optional(count, 3072),
  hidden_act: v.optional(activationName, "gelu"),
  layer_norm_eps: v.optional(positive, 1e-12),
  initializer_range: v.optional(positive, 0.02),
  hidden_dropout_prob: v.optional(probability, 0),
  attention_probs_dropout_prob: v.optional(probability, 0),
  image_size: v.optional(imageSize, 224),
  patch_size: v.optional(imageSize, 16),
  num_channels: v.optional(count, 3),
  qkv_bias: flag(true),
});

/** The settings of ViT, which those of other families are translated to. */
export type VitSettings = v.InferOutput<typeof settings>;

/** A vision encoder by these settings. @throws {TypeError} naming settings that contradict each other */
export function vitDescription(config: ModelConfig, given: VitSettings): VisionDescription {
  const { hidden_size: width, num_attention_heads: numHeads, initializer_range: deviation } = given;
  const { image_size: imageSize, patch_size: patchSize } = given;
  if (width % numHeads !== 0) {
    throw config.error(
      `hidden_size must be a multiple of num_attention_heads, got ${width} and ${numHeads}`,
    );
  }
  if (patchSize.some((side, dim) => side > imageSize[dim])) {
    throw config.error(
      `patch_size must not be larger than image_size, got ${patchSize.join(" x ")} and ` +
        imageSize.join(" x "),
    );
  }
  const headWidth = width / numHeads;
  return {
    numChannels: given.num_channels,
    imageSize,
    patchSize,
    numBlocks: given.num_hidden_layers,
    block: {
      width,
      norm: { kind: "layer", eps: given.layer_norm_eps },
      normPlace: "before",
      attention: {
        visible: "all",
        numHeads,
        numKeyHeads: numHeads,
        headWidth,
        inputBias: given.qkv_bias,
        outputBias: true,
        projections: "separate",
        storage: "outIn",
        outputDeviation: deviation,
        window: undefined,
        scale: headWidth ** -0.5,
        dropout: given.attention_probs_dropout_prob,
      },
      mlp: {
        kind: "plain",
        storage: "outIn",
        bias: true,
        outputDeviation: deviation,
        width: given.intermediate_size,
        activation: activationCalled(given.hidden_act),
      },
      dropout: given.hidden_dropout_prob,
    },
    deviation,
    dropout: given.hidden_dropout_prob,
  };
}
