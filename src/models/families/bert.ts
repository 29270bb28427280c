// BERT (Devlin et al. 2018) with heads for masked language modelling and for the classification of texts and of tokens.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import { type BertDescription, BertMaskedLm } from "../bert.ts";
import { BertClassifier } from "../bert_classifier.ts";
import { BertTokenClassifier } from "../bert_token_classifier.ts";
import type { BlockOptions } from "../blocks/block.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
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
import type { Architecture } from "../pretrained_model.ts";
import { readClasses } from "./classes.ts";
import { readPadding } from "./padding.ts";

/** `BertForMaskedLM` */
export const bertMaskedLm: Architecture = {
  name: "BertForMaskedLM",
  baseName: "BertModel",
  head: ["transform", "norm", "head", "unusedBias"],
  makes: BertMaskedLm,
  modelType: "bert",
  fromConfig(config) {
    const description = describe(config);
    const { tie_word_embeddings: tied, hidden_act: activation } = config.read(settings);
    const names = tied ? tiedNames : untiedNames;
    const options = {
      form: { config, names },
      activation: activationCalled(activation),
      tied,
      unusedBias: true,
    };
    return { names, build: (source) => new BertMaskedLm(description, { source, ...options }) };
  },
};

/** `BertForSequenceClassification` */
export const bertClassifier: Architecture = {
  name: "BertForSequenceClassification",
  baseName: "BertModel",
  head: ["pooler", "classifier"],
  makes: BertClassifier,
  modelType: "bert",
  fromConfig(config) {
    const description = describe(config);
    const options = classifierOptions(config, classifierNames);
    return {
      names: classifierNames,
      build: (source) => new BertClassifier(description, { source, ...options }),
    };
  },
};

/** `BertForTokenClassification` */
export const bertTokenClassifier: Architecture = {
  name: "BertForTokenClassification",
  baseName: "BertModel",
  head: ["classifier"],
  makes: BertTokenClassifier,
  modelType: "bert",
  fromConfig(config) {
    const description = describe(config);
    const options = classifierOptions(config, tokenClassifierNames);
    return {
      names: tokenClassifierNames,
      build: (source) => new BertTokenClassifier(description, { source, ...options }),
    };
  },
};

function classifierOptions(config: ModelConfig, names: CheckpointNames) {
  const { classifier_dropout: own, hidden_dropout_prob: hidden } = config.read(settings);
  return { form: { config, names }, ...readClasses(config), dropout: own ?? hidden };
}

const encoderNames: CheckpointNames = {
  modules: {
    "encoder.tokens": "bert.embeddings.word_embeddings",
    "encoder.tokenTypes": "bert.embeddings.token_type_embeddings",
    "encoder.positions": "bert.embeddings.position_embeddings",
    "encoder.norm": "bert.embeddings.LayerNorm",
    "encoder.blocks.*.attention.query": "bert.encoder.layer.*.attention.self.query",
    "encoder.blocks.*.attention.key": "bert.encoder.layer.*.attention.self.key",
    "encoder.blocks.*.attention.value": "bert.encoder.layer.*.attention.self.value",
    "encoder.blocks.*.attention.output": "bert.encoder.layer.*.attention.output.dense",
    "encoder.blocks.*.attentionNorm": "bert.encoder.layer.*.attention.output.LayerNorm",
    "encoder.blocks.*.mlp.up": "bert.encoder.layer.*.intermediate.dense",
    "encoder.blocks.*.mlp.down": "bert.encoder.layer.*.output.dense",
    "encoder.blocks.*.mlpNorm": "bert.encoder.layer.*.output.LayerNorm",
  },
  basePrefix: "bert.",
  // The first files have the names of the original implementation, in TensorFlow.
  olderEndings: {
    "LayerNorm.weight": "LayerNorm.gamma",
    "LayerNorm.bias": "LayerNorm.beta",
  },
};

const maskedLmNames: CheckpointNames = {
  ...encoderNames,
  modules: {
    ...encoderNames.modules,
    "transform": "cls.predictions.transform.dense",
    "norm": "cls.predictions.transform.LayerNorm",
  },
  // Heads of next sentence prediction, which the first models were also trained for.
  ignored: [/^bert\.pooler\./, /^cls\.seq_relationship\./],
};

const tiedNames: CheckpointNames = {
  ...maskedLmNames,
  modules: { ...maskedLmNames.modules, "head": "cls.predictions" },
  tied: {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
  },
};

const untiedNames: CheckpointNames = {
  ...maskedLmNames,
  modules: {
    ...maskedLmNames.modules,
    "head": "cls.predictions.decoder",
    "unusedBias": "cls.predictions.bias",
  },
};

const classifierNames: CheckpointNames = {
  ...encoderNames,
  modules: {
    ...encoderNames.modules,
    "pooler": "bert.pooler.dense",
    "classifier": "classifier",
  },
};

const tokenClassifierNames: CheckpointNames = {
  ...encoderNames,
  modules: { ...encoderNames.modules, "classifier": "classifier" },
  // A base model has a pooler, which only classifiers of whole texts use.
  ignored: [/^bert\.pooler\./],
};

const settings = v.object({
  vocab_size: v.optional(count, 30522),
  hidden_size: v.optional(count, 768),
  num_hidden_layers: v.optional(blockCount, 12),
  num_attention_heads: v.optional(count, 12),
  intermediate_size: v.optional(count, 3072),
  hidden_act: v.optional(activationName, "gelu"),
  max_position_embeddings: v.optional(count, 512),
  position_embedding_type: only("absolute"),
  type_vocab_size: v.optional(count, 2),
  layer_norm_eps: v.optional(positive, 1e-12),
  initializer_range: v.optional(positive, 0.02),
  hidden_dropout_prob: v.optional(probability, 0.1),
  attention_probs_dropout_prob: v.optional(probability, 0.1),
  classifier_dropout: orNull(probability),
  pad_token_id: v.optional(v.nullable(integer), 0),
  is_decoder: only(false),
  add_cross_attention: only(false),
  tie_word_embeddings: flag(true),
});

function describe(config: ModelConfig): BertDescription {
  const given = config.read(settings);
  const { vocab_size: vocabulary, hidden_size: width, initializer_range: deviation } = given;
  return {
    tokens: {
      count: vocabulary,
      width,
      padding: readPadding(config, { ...given, vocabulary }),
    },
    positions: given.max_position_embeddings,
    numTokenTypes: given.type_vocab_size,
    numBlocks: given.num_hidden_layers,
    block: bertBlock(config, given),
    deviation,
    dropout: given.hidden_dropout_prob,
  };
}

/** The settings of a config that blocks follow from, in BERT and ALBERT. */
interface BlockSettings {
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly hidden_act: v.InferOutput<typeof activationName>;
  readonly layer_norm_eps: number;
  readonly initializer_range: number;
  readonly hidden_dropout_prob: number;
  readonly attention_probs_dropout_prob: number;
}

/** The configuration of every block. @throws {TypeError} if the heads do not divide the features */
export function bertBlock(config: ModelConfig, given: BlockSettings): BlockOptions {
  const { hidden_size: width, num_attention_heads: numHeads, initializer_range: deviation } = given;
  if (width % numHeads !== 0) {
    throw config.error(
      `hidden_size must be a multiple of num_attention_heads, got ${width} and ${numHeads}`,
    );
  }
  const headWidth = width / numHeads;
  return {
    width,
    norm: { kind: "layer", eps: given.layer_norm_eps },
    normPlace: "after",
    attention: {
      visible: "all",
      numHeads,
      numKeyHeads: numHeads,
      headWidth,
      inputBias: true,
      outputBias: true,
      projections: "separate",
      storage: "outIn",
      window: undefined,
      scale: headWidth ** -0.5,
      outputDeviation: deviation,
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
  };
}
