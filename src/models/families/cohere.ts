// Cohere's Command R (2024): Llama with attention and MLP side by side after one layer norm without bias, rotated pairs of neighbours, and
// scaled logits of a tied head. Command R+ has a layer norm of each head, too; Command R7B, Cohere 2, is a variant of it.

import * as v from "valibot";
import {
  blockCount,
  count,
  flag,
  integer,
  type ModelConfig,
  positive,
} from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture, ModelBuilder } from "../pretrained_model.ts";
import { llamaSizes, type LlamaVariant, llamaVariant } from "./llama.ts";

/** `CohereForCausalLM` */
export const cohere: Architecture = {
  name: "CohereForCausalLM",
  baseName: "CohereModel",
  head: ["head"],
  makes: Decoder,
  modelType: "cohere",
  fromConfig(config) {
    const { use_qk_norm: hasHeadNorms } = config.read(v.object({ use_qk_norm: flag(false) }));
    return cohereVariant(config, { hasHeadNorms, heads: "apart" });
  },
};

/** Makes a variant of Command R. @throws {TypeError} as {@linkcode llamaVariant} */
export function cohereVariant(
  config: ModelConfig,
  differences: Partial<LlamaVariant>,
): ModelBuilder {
  const sizes = config.read(llamaSizes({ vocabulary: 256000, inner: 22528, positions: 8192 }));
  const own = config.read(settings);
  return llamaVariant(config, { ...sizes, ...own }, {
    inputBias: own.attention_bias,
    outputBias: own.attention_bias,
    mlpBias: false,
    hasHeadNorms: false,
    windowOf: () => undefined,
    norm: { kind: "layer", eps: own.layer_norm_eps, bias: false },
    parallel: "sharedNorm",
    rotaryPairs: "neighbours",
    logitScale: own.logit_scale,
    ...differences,
  });
}

const settings = v.object({
  hidden_size: v.optional(count, 8192),
  num_hidden_layers: v.optional(blockCount, 40),
  num_attention_heads: v.optional(count, 64),
  pad_token_id: v.optional(v.nullable(integer), 0),
  layer_norm_eps: v.optional(positive, 1e-5),
  logit_scale: v.optional(positive, 0.0625),
  attention_bias: flag(false),
  tie_word_embeddings: flag(true),
});
