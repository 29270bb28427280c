// Gemma 2 (Gemma Team 2024): Gemma with norms on both sides of each part, capped scores and logits, and a window in every second block.

import * as v from "valibot";
import { activationName } from "../blocks/activations.ts";
import { blockCount, type ModelConfig, positive } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { gemmaVariant, namesOfFourNorms } from "./gemma.ts";
import { readLayerWindows } from "./layer_types.ts";

/** `Gemma2ForCausalLM` */
export const gemma2: Architecture = {
  name: "Gemma2ForCausalLM",
  baseName: "Gemma2Model",
  head: ["head"],
  makes: Decoder,
  modelType: "gemma2",
  fromConfig(config) {
    const given = config.read(settings);
    return gemmaVariant(config, {
      defaults: gemma2Sizes,
      activation: given.hidden_activation,
    }, {
      normPlace: "both",
      names: namesOfFourNorms,
      attentionScale: given.query_pre_attn_scalar ** -0.5,
      softCap: given.attn_logit_softcapping ?? undefined,
      logitCap: given.final_logit_softcapping ?? undefined,
      windowOf: readLayerWindows(config, {
        numBlocks: blocksOf(config),
        otherwise: (index) => index % 2 === 0,
      }),
    });
  },
};

/** Sizes of configs that give none, in Gemma 2 and 3. */
export const gemma2Sizes = { width: 2304, inner: 9216, blocks: 26, heads: 8, keyHeads: 4 };

/** The number of blocks. */
export function blocksOf(config: ModelConfig): number {
  return config.read(sizes).num_hidden_layers;
}

const sizes = v.object({ num_hidden_layers: v.optional(blockCount, gemma2Sizes.blocks) });
const settings = v.object({
  hidden_activation: v.optional(activationName, "gelu_pytorch_tanh"),
  query_pre_attn_scalar: v.optional(positive, 256),
  attn_logit_softcapping: v.optional(v.nullable(positive), 50),
  final_logit_softcapping: v.optional(v.nullable(positive), 30),
});
