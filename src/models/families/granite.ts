// Granite (IBM 2024): Llama with factors of embeddings, scores, the parts' outputs and logits.

import * as v from "valibot";
import { flag, positive } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `GraniteForCausalLM` */
export const granite: Architecture = {
  name: "GraniteForCausalLM",
  baseName: "GraniteModel",
  head: ["head"],
  makes: Decoder,
  modelType: "granite",
  fromConfig(config) {
    const sizes = config.read(llamaSizes({ vocabulary: 32000, inner: 11008, positions: 2048 }));
    const own = config.read(settings);
    return llamaVariant(config, sizes, {
      inputBias: own.attention_bias,
      outputBias: own.attention_bias,
      mlpBias: own.mlp_bias,
      hasHeadNorms: false,
      windowOf: () => undefined,
      embeddingScale: { factor: own.embedding_multiplier, of: "embeddings" },
      attentionScale: own.attention_multiplier,
      residualScale: own.residual_multiplier,
      logitScale: 1 / own.logits_scaling,
    });
  },
};

const settings = v.object({
  attention_bias: flag(false),
  mlp_bias: flag(false),
  embedding_multiplier: v.optional(positive, 1),
  attention_multiplier: v.optional(positive, 1),
  residual_multiplier: v.optional(positive, 1),
  logits_scaling: v.optional(positive, 1),
});
