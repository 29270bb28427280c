// Qwen2 (Yang et al. 2024): Llama with biases of queries, keys and values; some blocks may have a sliding window.

import * as v from "valibot";
import { count, flag, integer, type ModelConfig, orNull } from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `Qwen2ForCausalLM` */
export const qwen2: Architecture = {
  name: "Qwen2ForCausalLM",
  baseName: "Qwen2Model",
  head: ["head"],
  makes: Decoder,
  modelType: "qwen2",
  fromConfig(config) {
    const sizes = config.read(
      llamaSizes({ vocabulary: 151936, inner: 22016, positions: 32768, keyHeads: 32 }),
    );
    return llamaVariant(config, sizes, {
      inputBias: true,
      outputBias: false,
      mlpBias: false,
      hasHeadNorms: false,
      windowOf: readWindows(config, sizes.num_hidden_layers),
    });
  },
};

/**
 * The sliding window of each block: `sliding_window` where `layer_types` say so; without them, from block `max_window_layers` on.
 *
 * @throws {TypeError} if a setting is wrong, or the number of types is not that of blocks.
 */
export function readWindows(
  config: ModelConfig,
  numBlocks: number,
): (index: number) => number | undefined {
  const given = config.read(settings);
  const { layer_types: types, max_window_layers: first } = given;
  const window = given.use_sliding_window ? given.sliding_window ?? undefined : undefined;
  if (types === null) return (index) => index >= first ? window : undefined;
  if (types.length !== numBlocks) {
    throw config.error(
      `layer_types must be one for each of num_hidden_layers, got ${types.length} for ${numBlocks}`,
    );
  }
  if (window === undefined && types.includes("sliding_attention")) {
    throw config.error(
      "layer_types name sliding_attention, and use_sliding_window or sliding_window say there is none",
    );
  }
  return (index) => types[index] === "sliding_attention" ? window : undefined;
}

const settings = v.object({
  use_sliding_window: flag(false),
  sliding_window: v.optional(v.nullable(count), 4096),
  max_window_layers: v.optional(integer, 28),
  layer_types: orNull(v.array(v.picklist(["full_attention", "sliding_attention"]))),
});
