// BLOOM (Le Scao et al. 2022): ALiBi instead of position embeddings, a norm of embeddings, one layer for queries, keys and values head by
// head, a tied head.

import * as v from "valibot";
import { geluTanh } from "../../ops/activation.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import { Decoder } from "../decoder.ts";
import type { DecoderDescription } from "../decoder_description.ts";
import {
  blockCount,
  count,
  flag,
  type ModelConfig,
  only,
  positive,
  probability,
} from "../config/model_config.ts";
import type { Architecture } from "../pretrained_model.ts";
import { decoderBuilder } from "./decoder_builder.ts";

/** `BloomForCausalLM` */
export const bloom: Architecture = {
  name: "BloomForCausalLM",
  baseName: "BloomModel",
  head: ["head"],
  makes: Decoder,
  modelType: "bloom",
  fromConfig(config) {
    const description = describe(config);
    return decoderBuilder(description, { config, names: bloomNames });
  },
};

/** Names of BLOOM's tensors, and of Falcon's, which has its code from BLOOM. */
export const bloomNames: CheckpointNames = {
  modules: {
    "tokens": "transformer.word_embeddings",
    "embeddingNorm": "transformer.word_embeddings_layernorm",
    "blocks.*.attentionNorm": "transformer.h.*.input_layernorm",
    "blocks.*.attention.qkv": "transformer.h.*.self_attention.query_key_value",
    "blocks.*.attention.output": "transformer.h.*.self_attention.dense",
    "blocks.*.mlpNorm": "transformer.h.*.post_attention_layernorm",
    "blocks.*.mlp.up": "transformer.h.*.mlp.dense_h_to_4h",
    "blocks.*.mlp.down": "transformer.h.*.mlp.dense_4h_to_h",
    "norm": "transformer.ln_f",
    "head": "lm_head",
  },
  basePrefix: "transformer.",
  tied: { "lm_head.weight": "transformer.word_embeddings.weight" },
};

const settings = v.object({
  vocab_size: v.optional(count, 250880),
  hidden_size: v.optional(count, 64),
  n_layer: v.optional(blockCount, 2),
  n_head: v.optional(count, 8),
  layer_norm_epsilon: v.optional(positive, 1e-5),
  initializer_range: v.optional(positive, 0.02),
  apply_residual_connection_post_layernorm: only(false),
  hidden_dropout: v.optional(probability, 0),
  attention_dropout: v.optional(probability, 0),
  tie_word_embeddings: flag(true),
});

function describe(config: ModelConfig): DecoderDescription {
  const given = config.read(settings);
  const { hidden_size: width, n_head: numHeads, initializer_range: deviation } = given;
  if (width % numHeads !== 0) {
    throw config.error(`hidden_size must be a multiple of n_head, got ${width} and ${numHeads}`);
  }
  const headWidth = width / numHeads;
  return {
    width,
    deviation,
    tokens: { count: given.vocab_size, width, padding: undefined },
    positions: { kind: "alibi" },
    embeddingNorm: true,
    norm: { kind: "layer", eps: given.layer_norm_epsilon },
    normPlace: "before",
    finalNorm: true,
    numBlocks: given.n_layer,
    block: () => ({
      attention: {
        numHeads,
        numKeyHeads: numHeads,
        headWidth,
        projections: "fusedByKeyHead",
        storage: "outIn",
        inputBias: true,
        outputBias: true,
        outputDeviation: deviation,
        window: undefined,
        scale: headWidth ** -0.5,
        dropout: given.attention_dropout,
      },
      mlp: {
        kind: "plain",
        storage: "outIn",
        bias: true,
        outputDeviation: deviation,
        width: 4 * width,
        activation: geluTanh,
      },
      dropout: given.hidden_dropout,
    }),
    tied: given.tie_word_embeddings,
  };
}
