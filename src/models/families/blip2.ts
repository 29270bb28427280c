// BLIP-2 (Li et al. 2023): a vision encoder, a Q-Former and a language model of any family, each with a config of its own.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { AttentionDescription, MlpDescription } from "../blocks/block_description.ts";
import { Blip2 } from "../blip2.ts";
import { type CheckpointNames, namesWithin } from "../config/checkpoint_names.ts";
import {
  blockCount,
  count,
  flag,
  integer,
  type ModelConfig,
  only,
  orNull,
  positive,
  probability,
} from "../config/model_config.ts";
import { languageModelOf } from "../language_models.ts";
import type { Architecture } from "../pretrained_model.ts";
import type { QFormerDescription } from "../qformer.ts";
import type { VisionDescription } from "../vision_encoder.ts";
import { t5 } from "./t5.ts";

const LANGUAGE = "language_model.";

/** `Blip2ForConditionalGeneration` */
export const blip2: Architecture = {
  name: "Blip2ForConditionalGeneration",
  baseName: "Blip2Model",
  head: [],
  makes: Blip2,
  modelType: "blip-2",
  mayBeTied: [`${LANGUAGE}${t5.mayBeTied![0]}`, `${LANGUAGE}${t5.mayBeTied![1]}`],
  fromConfig(config, stored) {
    const given = config.read(settings);
    const text = config.nested("text_config", { model_type: "opt" });
    const language = languageModelOf(text).fromConfig(text, stored);
    const { embeddingWidth: languageWidth } = language;
    if (languageWidth === undefined) {
      throw text.error(
        "embeddings must have as many features as blocks, for those of images to take their place: " +
          "word_embed_proj_dim must be hidden_size",
      );
    }
    const vision = describeVision(config.nested("vision_config"));
    const qformer = describeQFormer(config.nested("qformer_config"), {
      numQueries: given.num_query_tokens,
      imageWidth: vision.block.width,
    });
    const imageToken = given.image_token_index ?? given.image_token_id;
    if (imageToken === null) {
      throw config.error(
        "image_token_index must be given, the token of an image: configs of before transformers 4.46 lack it; " +
          "add <image> to the tokenizer, and its number here",
      );
    }
    const description = {
      vision,
      qformer,
      languageWidth,
      imageToken,
      deviation: given.initializer_range,
    };
    const names = namesOf(language.names);
    const form = { config, names };
    return { names, build: (source) => new Blip2(description, { source, form, language }) };
  },
};

function namesOf(text: CheckpointNames): CheckpointNames {
  const language = namesWithin(text, { field: "language", prefix: LANGUAGE });
  const attention = (path: string, name: string) => ({
    [`${path}.query`]: `${name}.attention.query`,
    [`${path}.key`]: `${name}.attention.key`,
    [`${path}.value`]: `${name}.attention.value`,
    [`${path}.output`]: `${name}.output.dense`,
  });
  const layer = "qformer.encoder.layer.*";
  const seen = "vision_model.encoder.layers.*";
  return {
    ...language,
    modules: {
      ...language.modules,
      "vision.embeddings.classToken": "vision_model.embeddings.class_embedding",
      "vision.embeddings.positions": "vision_model.embeddings.position_embedding",
      "vision.embeddings.patches": "vision_model.embeddings.patch_embedding",
      "vision.blocks.*.attentionNorm": `${seen}.layer_norm1`,
      "vision.blocks.*.attention.qkv": `${seen}.self_attn.qkv`,
      "vision.blocks.*.attention.output": `${seen}.self_attn.projection`,
      "vision.blocks.*.mlpNorm": `${seen}.layer_norm2`,
      "vision.blocks.*.mlp.up": `${seen}.mlp.fc1`,
      "vision.blocks.*.mlp.down": `${seen}.mlp.fc2`,
      "vision.norm": "vision_model.post_layernorm",
      "qformer.queries": "query_tokens",
      "qformer.norm": "qformer.layernorm",
      ...attention("qformer.blocks.*.attention", `${layer}.attention`),
      "qformer.blocks.*.attentionNorm": `${layer}.attention.output.LayerNorm`,
      ...attention("qformer.blocks.*.crossAttention", `${layer}.crossattention`),
      "qformer.blocks.*.crossNorm": `${layer}.crossattention.output.LayerNorm`,
      "qformer.blocks.*.mlp.up": `${layer}.intermediate_query.dense`,
      "qformer.blocks.*.mlp.down": `${layer}.output_query.dense`,
      "qformer.blocks.*.mlpNorm": `${layer}.output_query.LayerNorm`,
      "qformer.textMlps.*.up": `${layer}.intermediate.dense`,
      "qformer.textMlps.*.down": `${layer}.output.dense`,
      "qformer.textNorms.*": `${layer}.output.LayerNorm`,
      "projection": "language_projection",
    },
  };
}

const settings = v.object({
  num_query_tokens: v.optional(count, 32),
  image_token_index: orNull(v.pipe(integer, v.minValue(0))),
  image_token_id: orNull(v.pipe(integer, v.minValue(0))),
  initializer_range: v.optional(positive, 0.02),
});

const visionSettings = v.object({
  hidden_size: v.optional(count, 1408),
  intermediate_size: v.optional(count, 6144),
  num_hidden_layers: v.optional(blockCount, 39),
  num_attention_heads: v.optional(count, 16),
  image_size: v.optional(count, 224),
  patch_size: v.optional(count, 14),
  hidden_act: v.optional(activationName, "gelu"),
  layer_norm_eps: v.optional(positive, 1e-6),
  attention_dropout: v.optional(probability, 0),
  initializer_range: v.optional(positive, 1e-10),
  qkv_bias: flag(true),
});

function describeVision(config: ModelConfig): VisionDescription {
  const given = config.read(visionSettings);
  const { hidden_size: width, image_size: side, patch_size: patch } = given;
  if (patch > side) {
    throw config.error(`patch_size must not be larger than image_size, got ${patch} and ${side}`);
  }
  const { initializer_range: deviation } = given;
  return {
    numChannels: 3,
    imageSize: [side, side],
    patchSize: [patch, patch],
    numBlocks: given.num_hidden_layers,
    block: {
      width,
      norm: { kind: "layer", eps: given.layer_norm_eps },
      normPlace: "before",
      attention: {
        ...describeAttention(config, given),
        projections: "fused",
        inputBias: given.qkv_bias,
        dropout: given.attention_dropout,
      },
      mlp: describeMlp(given),
    },
    deviation,
  };
}

const qformerSettings = v.object({
  hidden_size: v.optional(count, 768),
  num_hidden_layers: v.optional(blockCount, 12),
  num_attention_heads: v.optional(count, 12),
  intermediate_size: v.optional(count, 3072),
  hidden_act: v.optional(activationName, "gelu"),
  hidden_dropout_prob: v.optional(probability, 0.1),
  attention_probs_dropout_prob: v.optional(probability, 0.1),
  initializer_range: v.optional(positive, 0.02),
  layer_norm_eps: v.optional(positive, 1e-12),
  // Of old versions.
  position_embedding_type: only("absolute"),
  cross_attention_frequency: v.optional(count, 2),
  use_qformer_text_input: flag(false),
});

function describeQFormer(config: ModelConfig, { numQueries, imageWidth }: {
  readonly numQueries: number;
  readonly imageWidth: number;
}): QFormerDescription {
  const given = config.read(qformerSettings);
  const { hidden_dropout_prob: dropout, initializer_range: deviation } = given;
  const attention = {
    ...describeAttention(config, given),
    dropout: given.attention_probs_dropout_prob,
  };
  return {
    numQueries,
    numBlocks: given.num_hidden_layers,
    block: {
      width: given.hidden_size,
      norm: { kind: "layer", eps: given.layer_norm_eps },
      normPlace: "after",
      attention,
      mlp: describeMlp(given),
      dropout,
    },
    crossAttention: { ...attention, sourceWidth: imageWidth },
    crossFrequency: given.cross_attention_frequency,
    hasTextMlps: given.use_qformer_text_input,
    deviation,
    dropout,
  };
}

function describeAttention(config: ModelConfig, given: {
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  readonly initializer_range: number;
}): AttentionDescription {
  const { hidden_size: width, num_attention_heads: numHeads } = given;
  if (width % numHeads !== 0) {
    throw config.error(
      `hidden_size must be a multiple of num_attention_heads, got ${width} and ${numHeads}`,
    );
  }
  const headWidth = width / numHeads;
  return {
    visible: "all",
    numHeads,
    numKeyHeads: numHeads,
    headWidth,
    inputBias: true,
    outputBias: true,
    projections: "separate",
    storage: "outIn",
    outputDeviation: given.initializer_range,
    window: undefined,
    scale: headWidth ** -0.5,
  };
}

function describeMlp(given: {
  readonly hidden_act: v.InferOutput<typeof activationName>;
  readonly intermediate_size: number;
  readonly initializer_range: number;
}): MlpDescription {
  return {
    kind: "plain",
    storage: "outIn",
    bias: true,
    outputDeviation: given.initializer_range,
    width: given.intermediate_size,
    activation: activationCalled(given.hidden_act),
  };
}
