// ALBERT (Lan et al. 2019): BERT with narrow embeddings and few blocks, each of which is used several times.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
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
  positive,
  probability,
} from "../config/model_config.ts";
import type { Architecture } from "../pretrained_model.ts";
import { bertBlock } from "./bert.ts";
import { readClasses } from "./classes.ts";
import { readPadding } from "./padding.ts";

const family = { baseName: "AlbertModel", modelType: "albert" };

/** `AlbertForMaskedLM` */
export const albertMaskedLm: Architecture = {
  ...family,
  name: "AlbertForMaskedLM",
  head: ["transform", "norm", "head", "unusedBias"],
  makes: BertMaskedLm,
  fromConfig(config) {
    const { tie_word_embeddings: tied, hidden_act: activation } = config.read(settings);
    const names = namesFor(config, {
      "transform": "predictions.dense",
      "norm": "predictions.LayerNorm",
      "head": tied ? "predictions" : "predictions.decoder",
      "unusedBias": "predictions.bias",
    });
    const options = {
      form: { config, names },
      activation: activationCalled(activation),
      tied,
      unusedBias: true,
    };
    const description = describe(config);
    return { names, build: (source) => new BertMaskedLm(description, { source, ...options }) };
  },
};

/** `AlbertForSequenceClassification` */
export const albertClassifier: Architecture = {
  ...family,
  name: "AlbertForSequenceClassification",
  head: ["pooler", "classifier"],
  makes: BertClassifier,
  fromConfig(config) {
    const names = namesFor(config, { "pooler": "albert.pooler", "classifier": "classifier" });
    const [description, options] = [describe(config), classifierOptions(config, names)];
    return { names, build: (source) => new BertClassifier(description, { source, ...options }) };
  },
};

/** `AlbertForTokenClassification` */
export const albertTokenClassifier: Architecture = {
  ...family,
  name: "AlbertForTokenClassification",
  head: ["classifier"],
  makes: BertTokenClassifier,
  fromConfig(config) {
    const names = namesFor(config, { "classifier": "classifier" });
    const [description, options] = [describe(config), classifierOptions(config, names)];
    return {
      names,
      build: (source) => new BertTokenClassifier(description, { source, ...options }),
    };
  },
};

function classifierOptions(config: ModelConfig, names: CheckpointNames) {
  const { classifier_dropout_prob: own, hidden_dropout_prob: hidden } = config.read(settings);
  return { form: { config, names }, ...readClasses(config), dropout: own ?? hidden };
}

const settings = v.object({
  vocab_size: v.optional(count, 30000),
  embedding_size: v.optional(count, 128),
  hidden_size: v.optional(count, 4096),
  num_hidden_layers: v.optional(blockCount, 12),
  num_hidden_groups: v.optional(blockCount, 1),
  inner_group_num: v.optional(blockCount, 1),
  num_attention_heads: v.optional(count, 64),
  intermediate_size: v.optional(count, 16384),
  hidden_act: v.optional(activationName, "gelu_new"),
  max_position_embeddings: v.optional(count, 512),
  type_vocab_size: v.optional(count, 2),
  layer_norm_eps: v.optional(positive, 1e-12),
  initializer_range: v.optional(positive, 0.02),
  hidden_dropout_prob: v.optional(probability, 0),
  attention_probs_dropout_prob: v.optional(probability, 0),
  classifier_dropout_prob: v.optional(v.nullable(probability), 0.1),
  pad_token_id: v.optional(v.nullable(integer), 0),
  tie_word_embeddings: flag(true),
});

function describe(config: ModelConfig): BertDescription {
  const given = config.read(settings);
  const { vocab_size: vocabulary } = given;
  const { initializer_range: deviation, inner_group_num: inner, num_hidden_groups: groups } = given;
  const { num_hidden_layers: layers } = given;
  return {
    tokens: {
      count: vocabulary,
      width: given.embedding_size,
      padding: readPadding(config, { ...given, vocabulary }),
    },
    projectsEmbeddings: true,
    positions: given.max_position_embeddings,
    numTokenTypes: given.type_vocab_size,
    numBlocks: groups * inner,
    // Every layer uses all blocks of its group.
    blockOrder: Array.from({ length: layers }, (_, layer) => {
      const group = Math.trunc(layer / (layers / groups));
      return Array.from({ length: inner }, (_, k) => group * inner + k);
    }).flat(),
    block: { ...bertBlock(config, given), mlpIsDropped: false },
    deviation,
    dropout: given.hidden_dropout_prob,
  };
}

/** Names of the parameters of a model with the head `head`; a block's have the numbers of its group and of its place there. */
function namesFor(config: ModelConfig, head: Readonly<Record<string, string>>): CheckpointNames {
  const { num_hidden_groups: groups, inner_group_num: inner } = config.read(settings);
  const ofBlocks = Array.from({ length: groups * inner }, (_, index) => {
    const group = Math.floor(index / inner);
    const layer = `albert.encoder.albert_layer_groups.${group}.albert_layers.${index % inner}`;
    return Object.entries(blockNames).flatMap(([path, name]) =>
      ["weight", "bias"].map((leaf) => [
        `encoder.blocks.${index}.${path}.${leaf}`,
        `${layer}.${name}.${leaf}`,
      ])
    );
  });
  return {
    modules: {
      "encoder.tokens": "albert.embeddings.word_embeddings",
      "encoder.tokenTypes": "albert.embeddings.token_type_embeddings",
      "encoder.positions": "albert.embeddings.position_embeddings",
      "encoder.norm": "albert.embeddings.LayerNorm",
      "encoder.projectIn": "albert.encoder.embedding_hidden_mapping_in",
      ...Object.fromEntries(ofBlocks.flat()),
      ...head,
    },
    basePrefix: "albert.",
    // Heads that the first models were also trained for.
    ignored: [
      /^sop_classifier\./,
      ...(head.pooler === undefined ? [/^albert\.pooler\./] : []),
    ],
    tied: {
      "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
      "predictions.decoder.bias": "predictions.bias",
    },
  };
}

const blockNames = {
  "attention.query": "attention.query",
  "attention.key": "attention.key",
  "attention.value": "attention.value",
  "attention.output": "attention.dense",
  "attentionNorm": "attention.LayerNorm",
  "mlp.up": "ffn",
  "mlp.down": "ffn_output",
  "mlpNorm": "full_layer_layer_norm",
};
