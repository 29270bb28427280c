// SmolLM3 (2025): Llama in which every fourth block rotates nothing (Yang et al. 2025, "Rope to Nope and back again").

import * as v from "valibot";
import {
  blockCount,
  count,
  flag,
  integer,
  type ModelConfig,
  orNull,
} from "../config/model_config.ts";
import { Decoder } from "../decoder.ts";
import type { Architecture } from "../pretrained_model.ts";
import { llamaSizes, llamaVariant } from "./llama.ts";

/** `SmolLM3ForCausalLM` */
export const smollm3: Architecture = {
  name: "SmolLM3ForCausalLM",
  baseName: "SmolLM3Model",
  head: ["head"],
  makes: Decoder,
  modelType: "smollm3",
  fromConfig(config) {
    const sizes = config.read(
      llamaSizes({ vocabulary: 128256, inner: 11008, positions: 32768, keyHeads: 4 }),
    );
    const given = config.read(settings);
    const { attention_bias: bias } = given;
    const isRotated = readRotatedBlocks(config, given.num_hidden_layers);
    const window = given.use_sliding_window ? given.sliding_window ?? undefined : undefined;
    const types = given.layer_types ??
      isRotated.map((rotated) => rotated ? "full_attention" : "sliding_attention");
    return llamaVariant(config, { ...sizes, ...given }, {
      inputBias: bias,
      outputBias: bias,
      mlpBias: given.mlp_bias,
      hasHeadNorms: false,
      windowOf: (index) => types[index] === "sliding_attention" ? window : undefined,
      isRotated: (index) => isRotated[index],
      rotaryBase: 2e6,
    });
  },
};

const settings = v.object({
  num_hidden_layers: v.optional(blockCount, 36),
  hidden_size: v.optional(count, 2048),
  num_attention_heads: v.optional(count, 16),
  pad_token_id: v.optional(v.nullable(integer), 128004),
  tie_word_embeddings: flag(true),
  attention_bias: flag(false),
  mlp_bias: flag(false),
  use_sliding_window: flag(false),
  sliding_window: orNull(count),
  layer_types: orNull(v.array(v.picklist(["full_attention", "sliding_attention"]))),
  no_rope_layers: orNull(v.array(v.picklist([0, 1]))),
  no_rope_layer_interval: v.optional(count, 4),
});

/** Whether each block rotates: `no_rope_layers` has a 1 for blocks that do. */
function readRotatedBlocks(config: ModelConfig, numBlocks: number): boolean[] {
  const { no_rope_layers: flags, no_rope_layer_interval: interval } = config.read(settings);
  if (flags === null) {
    return Array.from({ length: numBlocks }, (_, index) => (index + 1) % interval !== 0);
  }
  if (flags.length === numBlocks) return flags.map((flag) => flag === 1);
  throw config.error(
    `no_rope_layers must be one for each of num_hidden_layers, got ${flags.length} for ${numBlocks}`,
  );
}
