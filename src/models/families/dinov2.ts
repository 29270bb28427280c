// DINOv2 (Oquab et al. 2023) with a head for image classification: ViT with layer scale; classified are the class token and the mean of the
// patches.

import * as v from "valibot";
import { activationName } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import { blockCount, count, flag, only, positive, probability } from "../config/model_config.ts";
import type { Architecture } from "../pretrained_model.ts";
import { VitClassifier } from "../vit.ts";
import { readClasses } from "./classes.ts";
import { imageSize, vitDescription } from "./vit.ts";

/** `Dinov2ForImageClassification` */
export const dinov2Classifier: Architecture = {
  name: "Dinov2ForImageClassification",
  baseName: "Dinov2Model",
  head: ["classifier"],
  makes: VitClassifier,
  modelType: "dinov2",
  fromConfig(config) {
    const given = config.read(settings);
    const vision = vitDescription(config, {
      ...given,
      intermediate_size: Math.trunc(given.hidden_size * given.mlp_ratio),
    });
    // Only embeddings have dropout.
    const { dropout: _, ...block } = vision.block;
    const description = {
      ...vision,
      ...readClasses(config),
      block: { ...block, layerScale: given.layerscale_value },
      pooling: "firstAndMean",
      hasMaskToken: given.use_mask_token,
    } as const;
    const options = { form: { config, names } };
    return { names, build: (source) => new VitClassifier(description, { source, ...options }) };
  },
};

const settings = v.object({
  hidden_size: v.optional(count, 768),
  num_hidden_layers: v.optional(blockCount, 12),
  num_attention_heads: v.optional(count, 12),
  mlp_ratio: v.optional(positive, 4),
  hidden_act: v.optional(activationName, "gelu"),
  layer_norm_eps: v.optional(positive, 1e-6),
  initializer_range: v.optional(positive, 0.02),
  hidden_dropout_prob: v.optional(probability, 0),
  attention_probs_dropout_prob: v.optional(probability, 0),
  image_size: v.optional(imageSize, 224),
  patch_size: v.optional(imageSize, 14),
  num_channels: v.optional(count, 3),
  qkv_bias: flag(true),
  layerscale_value: v.optional(v.number(), 1),
  // It would drop whole parts of blocks.
  drop_path_rate: only(0),
  // Gated MLPs, whose two layers are one tensor in files and two in transformers.
  use_swiglu_ffn: only(false),
  use_mask_token: flag(true),
});

const layer = "dinov2.encoder.layer.*.";
const names: CheckpointNames = {
  modules: {
    "maskToken": "dinov2.embeddings.mask_token",
    "encoder.embeddings.classToken": "dinov2.embeddings.cls_token",
    "encoder.embeddings.positions": "dinov2.embeddings.position_embeddings",
    "encoder.embeddings.patches": "dinov2.embeddings.patch_embeddings.projection",
    "encoder.blocks.*.attentionNorm": `${layer}norm1`,
    "encoder.blocks.*.attention.query": `${layer}attention.attention.query`,
    "encoder.blocks.*.attention.key": `${layer}attention.attention.key`,
    "encoder.blocks.*.attention.value": `${layer}attention.attention.value`,
    "encoder.blocks.*.attention.output": `${layer}attention.output.dense`,
    "encoder.blocks.*.attentionScale.factors": `${layer}layer_scale1.lambda1`,
    "encoder.blocks.*.mlpNorm": `${layer}norm2`,
    "encoder.blocks.*.mlp.up": `${layer}mlp.fc1`,
    "encoder.blocks.*.mlp.down": `${layer}mlp.fc2`,
    "encoder.blocks.*.mlpScale.factors": `${layer}layer_scale2.lambda1`,
    "encoder.norm": "dinov2.layernorm",
    "classifier": "classifier",
  },
  basePrefix: "dinov2.",
};
