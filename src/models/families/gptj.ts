// GPT-J (Wang & Komatsuzaki 2021): attention and MLP side by side after one layer norm, a part of each head rotated in pairs of
// neighbours, layers of attention without biases, a head with one.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import { Decoder } from "../decoder.ts";
import type { DecoderDescription } from "../decoder_description.ts";
import {
  blockCount,
  count,
  flag,
  type ModelConfig,
  orNull,
  positive,
  probability,
} from "../config/model_config.ts";
import { readRotary } from "../positions/rotary_frequencies.ts";
import type { Architecture } from "../pretrained_model.ts";
import { decoderBuilder } from "./decoder_builder.ts";

/** `GPTJForCausalLM` */
export const gptj: Architecture = {
  name: "GPTJForCausalLM",
  baseName: "GPTJModel",
  head: ["head"],
  makes: Decoder,
  modelType: "gptj",
  fromConfig(config) {
    const description = describe(config);
    return decoderBuilder(description, { config, names });
  },
};

const names: CheckpointNames = {
  modules: {
    "tokens": "transformer.wte",
    "blocks.*.attentionNorm": "transformer.h.*.ln_1",
    "blocks.*.attention.query": "transformer.h.*.attn.q_proj",
    "blocks.*.attention.key": "transformer.h.*.attn.k_proj",
    "blocks.*.attention.value": "transformer.h.*.attn.v_proj",
    "blocks.*.attention.output": "transformer.h.*.attn.out_proj",
    "blocks.*.mlp.up": "transformer.h.*.mlp.fc_in",
    "blocks.*.mlp.down": "transformer.h.*.mlp.fc_out",
    "norm": "transformer.ln_f",
    "head": "lm_head",
  },
  basePrefix: "transformer.",
  tied: { "lm_head.weight": "transformer.wte.weight" },
};

const settings = v.object({
  vocab_size: v.optional(count, 50400),
  n_positions: v.optional(count, 2048),
  n_embd: v.optional(count, 4096),
  n_layer: v.optional(blockCount, 28),
  n_head: v.optional(count, 16),
  n_inner: orNull(count),
  rotary_dim: v.optional(v.nullable(count), 64),
  activation_function: v.optional(activationName, "gelu_new"),
  layer_norm_epsilon: v.optional(positive, 1e-5),
  initializer_range: v.optional(positive, 0.02),
  embd_pdrop: v.optional(probability, 0),
  attn_pdrop: v.optional(probability, 0),
  resid_pdrop: v.optional(probability, 0),
  tie_word_embeddings: flag(false),
});

function describe(config: ModelConfig): DecoderDescription {
  const given = config.read(settings);
  const { n_embd: width, n_head: numHeads, initializer_range: deviation } = given;
  if (width % numHeads !== 0) {
    throw config.error(`n_embd must be a multiple of n_head, got ${width} and ${numHeads}`);
  }
  const headWidth = width / numHeads;
  // Without a number of features the rotation has the width of the model, as in transformers, which no head is wide enough for.
  const rotated = given.rotary_dim ?? width;
  if (rotated > headWidth) {
    throw config.error(
      `rotary_dim must be at most the ${headWidth} features of a head, got ${rotated}`,
    );
  }
  return {
    width,
    deviation,
    tokens: { count: given.vocab_size, width, padding: undefined },
    positions: {
      kind: "rotary",
      settings: readRotary(config, { headWidth: rotated, maxPositions: given.n_positions }),
    },
    norm: { kind: "layer", eps: given.layer_norm_epsilon },
    normPlace: "before",
    finalNorm: true,
    numBlocks: given.n_layer,
    block: () => ({
      parallel: "sharedNorm",
      attention: {
        numHeads,
        numKeyHeads: numHeads,
        headWidth,
        projections: "separate",
        storage: "outIn",
        inputBias: false,
        outputBias: false,
        outputDeviation: deviation,
        window: undefined,
        scale: headWidth ** -0.5,
        rotaryPairs: "neighbours",
        dropout: given.attn_pdrop,
      },
      mlp: {
        kind: "plain",
        storage: "outIn",
        bias: true,
        outputDeviation: deviation,
        width: given.n_inner ?? 4 * width,
        activation: activationCalled(given.activation_function),
      },
      dropout: given.resid_pdrop,
    }),
    tied: given.tie_word_embeddings,
    headBias: true,
    dropout: given.embd_pdrop,
  };
}
