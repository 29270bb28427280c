// Gemma 3 (Gemma Team 2025), its language model: Gemma 2 with a norm of each head instead of capped scores, five blocks with a window to
// one without, and another base of rotary positions in each kind.

import * as v from "valibot";
import { activationName } from "../blocks/activations.ts";
import { count, positive } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { gemmaVariant, namesOfFourNorms } from "./gemma.ts";
import { blocksOf, gemma2Sizes } from "./gemma2.ts";
import { readLayerWindows } from "./layer_types.ts";

/** `Gemma3ForCausalLM` */
export const gemma3: Architecture = {
  name: "Gemma3ForCausalLM",
  baseName: "Gemma3TextModel",
  head: ["head"],
  makes: Decoder,
  modelType: "gemma3_text",
  fromConfig(config) {
    const given = config.read(settings);
    return gemmaVariant(config, {
      defaults: { ...gemma2Sizes, vocabulary: 262208, positions: 131072 },
      activation: given.hidden_activation,
    }, {
      normPlace: "both",
      names: namesOfFourNorms,
      hasHeadNorms: true,
      attentionScale: given.query_pre_attn_scalar ** -0.5,
      logitCap: given.final_logit_softcapping ?? undefined,
      windowOf: readLayerWindows(config, {
        numBlocks: blocksOf(config),
        otherwise: (index) => (index + 1) % given.sliding_window_pattern !== 0,
      }),
      rotaryBases: {
        global: ["rope_theta", 1e6],
        local: ["rope_local_base_freq", 1e4],
        scalesLocal: false,
      },
    });
  },
};

// transformers reads attn_logit_softcapping and does not use it.
const settings = v.object({
  hidden_activation: v.optional(activationName, "gelu_pytorch_tanh"),
  query_pre_attn_scalar: v.optional(positive, 256),
  final_logit_softcapping: v.optional(v.nullable(positive), null),
  sliding_window_pattern: v.optional(count, 6),
});
