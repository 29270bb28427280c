// SigLIP (Zhai et al. 2023), its vision encoder with a head for image classification: ViT without a class token, of which the mean of all
// patches is classified.

import * as v from "valibot";
import { activationName } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import { blockCount, count, positive, probability } from "../config/model_config.ts";
import type { Architecture } from "../pretrained_model.ts";
import { VitClassifier } from "../vit.ts";
import { readClasses } from "./classes.ts";
import { imageSize, vitDescription } from "./vit.ts";

/** `SiglipForImageClassification` */
export const siglipClassifier: Architecture = {
  name: "SiglipForImageClassification",
  baseName: "SiglipModel",
  head: ["classifier"],
  makes: VitClassifier,
  modelType: "siglip",
  fromConfig(config) {
    const { vision_config: vision } = config.read(settings);
    const description = {
      ...vitDescription(config, {
        ...vision,
        attention_probs_dropout_prob: vision.attention_dropout,
        hidden_dropout_prob: 0,
        initializer_range: 0.02,
        qkv_bias: true,
      }),
      ...readClasses(config),
      classToken: false,
      positionShape: "matrix",
      pooling: "mean",
    } as const;
    const options = { form: { config, names } };
    return { names, build: (source) => new VitClassifier(description, { source, ...options }) };
  },
};

const layer = "vision_model.encoder.layers.*.";
const names: CheckpointNames = {
  modules: {
    "encoder.embeddings.positions": "vision_model.embeddings.position_embedding.weight",
    "encoder.embeddings.patches": "vision_model.embeddings.patch_embedding",
    "encoder.blocks.*.attentionNorm": `${layer}layer_norm1`,
    "encoder.blocks.*.attention.query": `${layer}self_attn.q_proj`,
    "encoder.blocks.*.attention.key": `${layer}self_attn.k_proj`,
    "encoder.blocks.*.attention.value": `${layer}self_attn.v_proj`,
    "encoder.blocks.*.attention.output": `${layer}self_attn.out_proj`,
    "encoder.blocks.*.mlpNorm": `${layer}layer_norm2`,
    "encoder.blocks.*.mlp.up": `${layer}mlp.fc1`,
    "encoder.blocks.*.mlp.down": `${layer}mlp.fc2`,
    "encoder.norm": "vision_model.post_layernorm",
    "classifier": "classifier",
  },
  // What classifies nothing: the head that pools by attention, and the text encoder of files of both.
  ignored: [/^vision_model\.head\./, /^text_model\./, /^logit_(scale|bias)$/],
};

const settings = v.object({
  vision_config: v.optional(
    v.object({
      hidden_size: v.optional(count, 768),
      intermediate_size: v.optional(count, 3072),
      num_hidden_layers: v.optional(blockCount, 12),
      num_attention_heads: v.optional(count, 12),
      num_channels: v.optional(count, 3),
      image_size: v.optional(imageSize, 224),
      patch_size: v.optional(imageSize, 16),
      hidden_act: v.optional(activationName, "gelu_pytorch_tanh"),
      layer_norm_eps: v.optional(positive, 1e-6),
      attention_dropout: v.optional(probability, 0),
    }),
    {},
  ),
});
