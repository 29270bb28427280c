// GPT-2 (Radford et al. 2019): learned positions, layer norms before each part, one layer for queries, keys and values, weights stored
// as [in, out], a tied head.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import { Decoder } from "../decoder.ts";
import type { BlockDescription } from "../blocks/block_description.ts";
import type { DecoderDescription } from "../decoder_description.ts";
import {
  blockCount,
  count,
  flag,
  type ModelConfig,
  only,
  orNull,
  positive,
  probability,
} from "../config/model_config.ts";
import type { Architecture } from "../pretrained_model.ts";
import { decoderBuilder } from "./decoder_builder.ts";

/** `GPT2LMHeadModel` */
export const gpt2: Architecture = {
  name: "GPT2LMHeadModel",
  baseName: "GPT2Model",
  head: ["head"],
  makes: Decoder,
  modelType: "gpt2",
  fromConfig(config) {
    const description = describe(config);
    return decoderBuilder(description, { config, names });
  },
};

const names: CheckpointNames = {
  modules: {
    "tokens": "transformer.wte",
    "positions": "transformer.wpe",
    "blocks.*.attentionNorm": "transformer.h.*.ln_1",
    "blocks.*.attention.qkv": "transformer.h.*.attn.c_attn",
    "blocks.*.attention.output": "transformer.h.*.attn.c_proj",
    "blocks.*.mlpNorm": "transformer.h.*.ln_2",
    "blocks.*.mlp.up": "transformer.h.*.mlp.c_fc",
    "blocks.*.mlp.down": "transformer.h.*.mlp.c_proj",
    "norm": "transformer.ln_f",
    "head": "lm_head",
  },
  basePrefix: "transformer.",
  tied: { "lm_head.weight": "transformer.wte.weight" },
};

const settings = v.object({
  vocab_size: v.optional(count, 50257),
  n_positions: v.optional(count, 1024),
  n_embd: v.optional(count, 768),
  n_layer: v.optional(blockCount, 12),
  n_head: v.optional(count, 12),
  n_inner: orNull(count),
  activation_function: v.optional(activationName, "gelu_new"),
  layer_norm_epsilon: v.optional(positive, 1e-5),
  initializer_range: v.optional(positive, 0.02),
  embd_pdrop: v.optional(probability, 0.1),
  attn_pdrop: v.optional(probability, 0.1),
  resid_pdrop: v.optional(probability, 0.1),
  scale_attn_weights: flag(true),
  scale_attn_by_inverse_layer_idx: flag(false),
  add_cross_attention: only(false),
  tie_word_embeddings: flag(true),
});

function describe(config: ModelConfig): DecoderDescription {
  const given = config.read(settings);
  const { n_embd: width, n_head: numHeads, n_layer: numBlocks, initializer_range: deviation } =
    given;
  if (width % numHeads !== 0) {
    throw config.error(`n_embd must be a multiple of n_head, got ${width} and ${numHeads}`);
  }
  const headWidth = width / numHeads;
  // Layers whose outputs are added to the residual stream start smaller, the more blocks there are.
  const outputDeviation = deviation / Math.sqrt(2 * numBlocks);
  const block = (index: number): BlockDescription => ({
    attention: {
      numHeads,
      numKeyHeads: numHeads,
      headWidth,
      outputDeviation,
      projections: "fused",
      storage: "inOut",
      inputBias: true,
      outputBias: true,
      window: undefined,
      scale: (given.scale_attn_weights ? headWidth ** -0.5 : 1) /
        (given.scale_attn_by_inverse_layer_idx ? index + 1 : 1),
      dropout: given.attn_pdrop,
    },
    mlp: {
      kind: "plain",
      storage: "inOut",
      bias: true,
      outputDeviation,
      width: given.n_inner ?? 4 * width,
      activation: activationCalled(given.activation_function),
    },
    dropout: given.resid_pdrop,
  });
  return {
    width,
    numBlocks,
    block,
    deviation,
    tokens: { count: given.vocab_size, width, padding: undefined },
    positions: { kind: "learned", count: given.n_positions, offset: 0, counted: "all" },
    norm: { kind: "layer", eps: given.layer_norm_epsilon },
    normPlace: "before",
    finalNorm: true,
    tied: given.tie_word_embeddings,
    dropout: given.embd_pdrop,
  };
}
