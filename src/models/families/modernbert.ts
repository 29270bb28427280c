// ModernBERT (Warner et al. 2024): BERT with rotary positions, windows in two of three blocks, gated MLPs and norms before each part.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { BlockOptions } from "../blocks/block.ts";
import { type BertDescription, BertMaskedLm } from "../bert.ts";
import { BertClassifier } from "../bert_classifier.ts";
import { BertTokenClassifier } from "../bert_token_classifier.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import {
  blockCount,
  count,
  flag,
  integer,
  type ModelConfig,
  only,
  positive,
  probability,
} from "../config/model_config.ts";
import { readRotaryByLayer } from "../positions/rotary_by_layer.ts";
import type { Architecture } from "../pretrained_model.ts";
import { readClasses } from "./classes.ts";
import { readLocalBlocks } from "./layer_types.ts";
import { readPadding } from "./padding.ts";

const family = { baseName: "ModernBertModel", modelType: "modernbert" };

/** `ModernBertForMaskedLM` */
export const modernBertMaskedLm: Architecture = {
  ...family,
  name: "ModernBertForMaskedLM",
  head: ["transform", "norm", "head"],
  makes: BertMaskedLm,
  fromConfig(config) {
    const names = namesFor({ "transform": "head.dense", "norm": "head.norm", "head": "decoder" });
    const { tie_word_embeddings: tied, decoder_bias: headBias } = config.read(settings);
    const { activation, bias: transformBias } = transformOf(config);
    const options = { form: { config, names }, tied, headBias, activation, transformBias };
    const description = describe(config);
    return { names, build: (source) => new BertMaskedLm(description, { source, ...options }) };
  },
};

/** `ModernBertForSequenceClassification` */
export const modernBertClassifier: Architecture = {
  ...family,
  name: "ModernBertForSequenceClassification",
  head: ["pooler", "norm", "classifier"],
  makes: BertClassifier,
  fromConfig(config) {
    const names = namesFor({ "pooler": "head.dense", "norm": "head.norm", ...classifier });
    const { classifier_pooling: pooled } = config.read(settings);
    const pooling = pooled === "cls" ? "first" : "mean";
    const [description, options] = [describe(config), classifierOptions(config, names)];
    return {
      names,
      build: (source) => new BertClassifier(description, { source, pooling, ...options }),
    };
  },
};

/** `ModernBertForTokenClassification` */
export const modernBertTokenClassifier: Architecture = {
  ...family,
  name: "ModernBertForTokenClassification",
  head: ["transform", "norm", "classifier"],
  makes: BertTokenClassifier,
  fromConfig(config) {
    const names = namesFor({ "transform": "head.dense", "norm": "head.norm", ...classifier });
    const [description, options] = [describe(config), classifierOptions(config, names)];
    return {
      names,
      build: (source) => new BertTokenClassifier(description, { source, ...options }),
    };
  },
};

const classifier = { "classifier": "classifier" };

function classifierOptions(config: ModelConfig, names: CheckpointNames) {
  const { classifier_dropout: dropout } = config.read(settings);
  const transform = transformOf(config);
  return { form: { config, names }, ...readClasses(config), dropout, transform };
}

function transformOf(config: ModelConfig) {
  const { classifier_activation: activation, classifier_bias: bias } = config.read(settings);
  return { activation: activationCalled(activation), bias };
}

function namesFor(head: Readonly<Record<string, string>>): CheckpointNames {
  return {
    modules: {
      "encoder.tokens": "model.embeddings.tok_embeddings",
      "encoder.norm": "model.embeddings.norm",
      "encoder.blocks.*.attentionNorm": "model.layers.*.attn_norm",
      "encoder.blocks.*.attention.qkv": "model.layers.*.attn.Wqkv",
      "encoder.blocks.*.attention.output": "model.layers.*.attn.Wo",
      "encoder.blocks.*.mlpNorm": "model.layers.*.mlp_norm",
      "encoder.blocks.*.mlp.gateUp": "model.layers.*.mlp.Wi",
      "encoder.blocks.*.mlp.down": "model.layers.*.mlp.Wo",
      "encoder.finalNorm": "model.final_norm",
      ...head,
    },
    basePrefix: "model.",
    tied: { "decoder.weight": "model.embeddings.tok_embeddings.weight" },
  };
}

const settings = v.object({
  vocab_size: v.optional(count, 50368),
  hidden_size: v.optional(count, 768),
  intermediate_size: v.optional(count, 1152),
  num_hidden_layers: v.optional(blockCount, 22),
  num_attention_heads: v.optional(count, 12),
  hidden_activation: v.optional(activationName, "gelu"),
  max_position_embeddings: v.optional(count, 8192),
  initializer_range: v.optional(positive, 0.02),
  norm_eps: v.optional(positive, 1e-5),
  norm_bias: flag(false),
  pad_token_id: v.optional(v.nullable(integer), 50283),
  attention_bias: flag(false),
  attention_dropout: v.optional(probability, 0),
  global_attn_every_n_layers: v.optional(count, 3),
  local_attention: v.optional(count, 128),
  embedding_dropout: v.optional(probability, 0),
  mlp_bias: flag(false),
  mlp_dropout: v.optional(probability, 0),
  decoder_bias: flag(true),
  classifier_pooling: v.optional(v.picklist(["cls", "mean"]), "cls"),
  classifier_dropout: v.optional(probability, 0),
  classifier_bias: flag(false),
  classifier_activation: v.optional(activationName, "gelu"),
  // Logits of labelled tokens alone, which here logitsAt asks for.
  sparse_prediction: only(false),
  tie_word_embeddings: flag(true),
});

function describe(config: ModelConfig): BertDescription {
  const given = config.read(settings);
  const { vocab_size: vocabulary, hidden_size: width, num_attention_heads: numHeads } = given;
  if (width % numHeads !== 0) {
    throw config.error(
      `hidden_size must be a multiple of num_attention_heads, got ${width} and ${numHeads}`,
    );
  }
  const headWidth = width / numHeads;
  const isLocal = readLocalBlocks(config, {
    numBlocks: given.num_hidden_layers,
    otherwise: (index) => index % given.global_attn_every_n_layers !== 0,
  });
  // local_attention counts both sides: its half on each, and the token itself.
  const window = Math.floor(given.local_attention / 2) + 1;
  const deviation = given.initializer_range;
  const outputDeviation = deviation / Math.sqrt(2 * given.num_hidden_layers);
  const attention: BlockOptions["attention"] = {
    visible: "all",
    numHeads,
    numKeyHeads: numHeads,
    headWidth,
    projections: "fused",
    storage: "outIn",
    inputBias: given.attention_bias,
    outputBias: given.attention_bias,
    window: undefined,
    scale: headWidth ** -0.5,
    outputDeviation,
    dropout: given.attention_dropout,
  };
  return {
    tokens: {
      count: vocabulary,
      width,
      padding: readPadding(config, { ...given, vocabulary }),
    },
    positions: readRotaryByLayer(config, {
      headWidth,
      maxPositions: given.max_position_embeddings,
    }, {
      global: ["global_rope_theta", 160_000],
      local: ["local_rope_theta", 10_000],
      scalesLocal: true,
    }),
    numTokenTypes: 0,
    numBlocks: given.num_hidden_layers,
    block: {
      width,
      norm: { kind: "layer", eps: given.norm_eps, bias: given.norm_bias },
      normPlace: "before",
      attention,
      mlp: {
        kind: "gated",
        fusedGate: true,
        storage: "outIn",
        bias: given.mlp_bias,
        width: given.intermediate_size,
        activation: activationCalled(given.hidden_activation),
        outputDeviation,
        dropout: given.mlp_dropout,
      },
      dropout: given.attention_dropout,
      mlpIsDropped: false,
    },
    blockOf: (index) => ({
      // The embeddings were normalized.
      attentionIsNormed: index > 0,
      ...(isLocal[index] ? { attention: { ...attention, window, rotarySettings: "local" } } : {}),
    }),
    finalNorm: true,
    deviation,
    dropout: given.embedding_dropout,
  };
}
