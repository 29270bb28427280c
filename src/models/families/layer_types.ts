// The setting of configs whose blocks attend to all tokens, or within a window.

import * as v from "valibot";
import { count, type ModelConfig, orNull } from "../config/model_config.ts";

/**
 * The window of each block: `sliding_window` where `layer_types` say so; without them, where `otherwise` does.
 *
 * @throws {TypeError} if a setting is wrong, the number of types is not that of blocks, or there is no window.
 */
export function readLayerWindows(
  config: ModelConfig,
  { numBlocks, otherwise }: {
    readonly numBlocks: number;
    readonly otherwise: (index: number) => boolean;
  },
): (index: number) => number | undefined {
  const { sliding_window: window } = config.read(windows);
  const isLocal = readLocalBlocks(config, { numBlocks, otherwise });
  if (window === null && isLocal.includes(true)) {
    throw config.error("sliding_window must be given, as some blocks have sliding_attention");
  }
  return (index) => isLocal[index] ? window! : undefined;
}

/** Whether each block attends within a window. @throws {TypeError} as {@linkcode readLayerWindows} */
export function readLocalBlocks(
  config: ModelConfig,
  { numBlocks, otherwise }: {
    readonly numBlocks: number;
    readonly otherwise: (index: number) => boolean;
  },
): readonly boolean[] {
  const { layer_types: types } = config.read(settings);
  if (types === null) return Array.from({ length: numBlocks }, (_, index) => otherwise(index));
  if (types.length === numBlocks) return types.map((type) => type === "sliding_attention");
  throw config.error(
    `layer_types must be one for each of num_hidden_layers, got ${types.length} for ${numBlocks}`,
  );
}

const settings = v.object({
  layer_types: orNull(v.array(v.picklist(["full_attention", "sliding_attention"]))),
});
const windows = v.object({ sliding_window: v.optional(v.nullable(count), 4096) });
