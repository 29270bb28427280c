// OPT (Zhang et al. 2022): GPT-3's architecture. Learned positions that count real tokens only and begin at row 2, layer norms before
// or (350M) after each part, embeddings that may have fewer features than blocks (350M too), a tied head.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import { Decoder } from "../decoder.ts";
import type { DecoderDescription } from "../decoder_description.ts";
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
import { decoderBuilder } from "./decoder_builder.ts";
import { readPadding } from "./padding.ts";

/** `OPTForCausalLM` */
export const opt: Architecture = {
  name: "OPTForCausalLM",
  baseName: "OPTModel",
  head: ["head"],
  makes: Decoder,
  modelType: "opt",
  fromConfig(config) {
    const description = describe(config);
    return decoderBuilder(description, { config, names });
  },
};

const names: CheckpointNames = {
  modules: {
    "tokens": "model.decoder.embed_tokens",
    "projectIn": "model.decoder.project_in",
    "positions": "model.decoder.embed_positions",
    "blocks.*.attentionNorm": "model.decoder.layers.*.self_attn_layer_norm",
    "blocks.*.attention.query": "model.decoder.layers.*.self_attn.q_proj",
    "blocks.*.attention.key": "model.decoder.layers.*.self_attn.k_proj",
    "blocks.*.attention.value": "model.decoder.layers.*.self_attn.v_proj",
    "blocks.*.attention.output": "model.decoder.layers.*.self_attn.out_proj",
    "blocks.*.mlpNorm": "model.decoder.layers.*.final_layer_norm",
    "blocks.*.mlp.up": "model.decoder.layers.*.fc1",
    "blocks.*.mlp.down": "model.decoder.layers.*.fc2",
    "norm": "model.decoder.final_layer_norm",
    "projectOut": "model.decoder.project_out",
    "head": "lm_head",
  },
  basePrefix: "model.",
  tied: { "lm_head.weight": "model.decoder.embed_tokens.weight" },
};

const settings = v.object({
  vocab_size: v.optional(count, 50272),
  hidden_size: v.optional(count, 768),
  num_hidden_layers: v.optional(blockCount, 12),
  ffn_dim: v.optional(count, 3072),
  max_position_embeddings: v.optional(count, 2048),
  do_layer_norm_before: flag(true),
  _remove_final_layer_norm: flag(false),
  word_embed_proj_dim: orNull(count),
  num_attention_heads: v.optional(count, 12),
  activation_function: v.optional(activationName, "relu"),
  init_std: v.optional(positive, 0.02),
  pad_token_id: v.optional(v.nullable(integer), 1),
  dropout: v.optional(probability, 0.1),
  attention_dropout: v.optional(probability, 0),
  // Dropping whole blocks in training.
  layerdrop: only(0),
  enable_bias: flag(true),
  layer_norm_elementwise_affine: only(true),
  tie_word_embeddings: flag(true),
});

/** Rows of the table of positions before that of position 0. */
const OFFSET = 2;

function describe(config: ModelConfig): DecoderDescription {
  const given = config.read(settings);
  const { vocab_size: vocabulary, hidden_size: width, num_attention_heads: numHeads } = given;
  const { enable_bias: bias, do_layer_norm_before: isBefore, init_std: deviation } = given;
  if (width % numHeads !== 0) {
    throw config.error(
      `hidden_size must be a multiple of num_attention_heads, got ${width} and ${numHeads}`,
    );
  }
  const headWidth = width / numHeads;
  return {
    tokens: {
      count: vocabulary,
      width: given.word_embed_proj_dim ?? width,
      padding: readPadding(config, { ...given, vocabulary }),
    },
    positions: {
      kind: "learned",
      offset: OFFSET,
      counted: "real",
      count: given.max_position_embeddings,
    },
    width,
    deviation,
    norm: { kind: "layer", eps: 1e-5 },
    normPlace: isBefore ? "before" : "after",
    finalNorm: isBefore && !given._remove_final_layer_norm,
    numBlocks: given.num_hidden_layers,
    block: () => ({
      attention: {
        numHeads,
        numKeyHeads: numHeads,
        headWidth,
        inputBias: bias,
        outputBias: bias,
        projections: "separate",
        storage: "outIn",
        outputDeviation: deviation,
        window: undefined,
        scale: headWidth ** -0.5,
        dropout: given.attention_dropout,
      },
      mlp: {
        kind: "plain",
        storage: "outIn",
        bias,
        outputDeviation: deviation,
        width: given.ffn_dim,
        activation: activationCalled(given.activation_function),
      },
      dropout: given.dropout,
    }),
    tied: given.tie_word_embeddings,
  };
}
