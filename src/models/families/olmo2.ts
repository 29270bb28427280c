// OLMo 2 (OLMo Team 2024): Llama with norms of the parts' outputs instead of their inputs, and of all queries and all keys.

import * as v from "valibot";
import { flag, integer, positive } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `Olmo2ForCausalLM` */
export const olmo2: Architecture = {
  name: "Olmo2ForCausalLM",
  baseName: "Olmo2Model",
  head: ["head"],
  makes: Decoder,
  modelType: "olmo2",
  fromConfig(config) {
    const sizes = config.read(llamaSizes({ vocabulary: 50304, inner: 11008, positions: 2048 }));
    const own = config.read(settings);
    return llamaVariant(config, { ...sizes, ...own }, {
      inputBias: own.attention_bias,
      outputBias: own.attention_bias,
      mlpBias: false,
      hasHeadNorms: true,
      heads: "together",
      windowOf: () => undefined,
      normPlace: "output",
      names: {
        modules: {
          "blocks.*.attentionOutputNorm": "model.layers.*.post_attention_layernorm",
          "blocks.*.mlpOutputNorm": "model.layers.*.post_feedforward_layernorm",
        },
      },
    });
  },
};

const settings = v.object({
  rms_norm_eps: v.optional(positive, 1e-5),
  attention_bias: flag(false),
  pad_token_id: v.optional(v.nullable(integer), 1),
});
