// Gemma (Gemma Team 2024): Llama with RMS norms that multiply by 1 + w, embeddings times sqrt(D), and MLPs gated by GELU. Gemma 2 and 3
// are variants of it, and use this file's functions.

import * as v from "valibot";
import { activationName } from "../blocks/activations.ts";
import {
  blockCount,
  count,
  flag,
  integer,
  type ModelConfig,
  only,
} from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture, ModelBuilder } from "../pretrained_model.ts";
import { llamaSizes, type LlamaVariant, llamaVariant } from "./llama.ts";

/** `GemmaForCausalLM` */
export const gemma: Architecture = {
  name: "GemmaForCausalLM",
  baseName: "GemmaModel",
  head: ["head"],
  makes: Decoder,
  modelType: "gemma",
  fromConfig(config) {
    const { hidden_act: activation } = config.read(activations);
    return gemmaVariant(config, {
      defaults: { width: 3072, inner: 24576, blocks: 28, heads: 16, keyHeads: 16 },
      // The first files say gelu and mean its tanh form.
      activation: activation === "gelu" ? "gelu_pytorch_tanh" : activation,
    }, {});
  },
};

/** Values of settings that a config lacks. */
interface GemmaDefaults {
  readonly width: number;
  readonly inner: number;
  readonly blocks: number;
  readonly heads: number;
  readonly keyHeads: number;
  /** Default: 256000. */
  readonly vocabulary?: number;
  /** Default: 8192. */
  readonly positions?: number;
}

/** Makes a variant of Gemma. @throws {TypeError} as {@linkcode llamaVariant} */
export function gemmaVariant(
  config: ModelConfig,
  { defaults, activation }: {
    readonly defaults: GemmaDefaults;
    readonly activation: v.InferOutput<typeof activationName>;
  },
  differences: Partial<LlamaVariant>,
): ModelBuilder {
  const { vocabulary = 256000, positions = 8192, inner, keyHeads } = defaults;
  const sizes = {
    ...config.read(llamaSizes({ vocabulary, inner, positions, keyHeads, headWidth: 256 })),
    ...config.read(settings(defaults)),
    hidden_act: activation,
  };
  return llamaVariant(config, sizes, {
    inputBias: sizes.attention_bias,
    outputBias: sizes.attention_bias,
    mlpBias: false,
    hasHeadNorms: false,
    windowOf: () => undefined,
    norm: { kind: "rms", eps: sizes.rms_norm_eps, offset: 1 },
    embeddingScale: { factor: Math.sqrt(sizes.hidden_size), of: "table" },
    ...differences,
  });
}

function settings({ width, blocks, heads }: GemmaDefaults) {
  return v.object({
    hidden_size: v.optional(count, width),
    num_hidden_layers: v.optional(blockCount, blocks),
    num_attention_heads: v.optional(count, heads),
    attention_bias: flag(false),
    pad_token_id: v.optional(v.nullable(integer), 0),
    tie_word_embeddings: flag(true),
    use_bidirectional_attention: v.nullish(only(false), false),
  });
}

const activations = v.object({ hidden_act: v.optional(activationName, "gelu_pytorch_tanh") });

/** Names of modules in files of Gemma 2 and 3, whose parts have norms on both sides. */
export const namesOfFourNorms = {
  modules: {
    "blocks.*.attentionOutputNorm": "model.layers.*.post_attention_layernorm",
    "blocks.*.mlpNorm": "model.layers.*.pre_feedforward_layernorm",
    "blocks.*.mlpOutputNorm": "model.layers.*.post_feedforward_layernorm",
  },
};
