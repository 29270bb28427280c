// Cohere 2 (Command R7B, 2024; Command A, 2025): Command R with a window in three of four blocks; the others rotate nothing.

import * as v from "valibot";
import { blockCount, count } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { cohereVariant } from "./cohere.ts";
import { readLayerWindows } from "./layer_types.ts";

/** `Cohere2ForCausalLM` */
export const cohere2: Architecture = {
  name: "Cohere2ForCausalLM",
  baseName: "Cohere2Model",
  head: ["head"],
  makes: Decoder,
  modelType: "cohere2",
  fromConfig(config) {
    const { num_hidden_layers: numBlocks, sliding_window_pattern: pattern } = config.read(settings);
    const otherwise = (index: number) => (index + 1) % pattern !== 0;
    const windowOf = readLayerWindows(config, { numBlocks, otherwise });
    return cohereVariant(config, {
      windowOf,
      isRotated: (index) => windowOf(index) !== undefined,
    });
  },
};

const settings = v.object({
  num_hidden_layers: v.optional(blockCount, 40),
  sliding_window_pattern: v.optional(count, 4),
});
