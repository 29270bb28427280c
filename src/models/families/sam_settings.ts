// The settings of SAM's config.json: those of the encoder of images, of that of prompts, and of the decoder of masks, which must fit
// together.

import * as v from "valibot";
import { activationName } from "../blocks/activations.ts";
import {
  blockCount,
  count,
  flag,
  integer,
  type ModelConfig,
  orNull,
  positive,
  probability,
} from "../config/model_config.ts";

const vision = v.object({
  hidden_size: v.optional(count, 768),
  output_channels: v.optional(count, 256),
  num_hidden_layers: v.optional(blockCount, 12),
  num_attention_heads: v.optional(count, 12),
  num_channels: v.optional(count, 3),
  image_size: v.optional(count, 1024),
  patch_size: v.optional(count, 16),
  hidden_act: v.optional(activationName, "gelu"),
  layer_norm_eps: v.optional(positive, 1e-6),
  attention_dropout: v.optional(probability, 0),
  initializer_range: v.optional(positive, 1e-10),
  qkv_bias: flag(true),
  mlp_ratio: v.optional(positive, 4),
  use_abs_pos: flag(true),
  use_rel_pos: flag(true),
  window_size: v.optional(v.pipe(integer, v.minValue(0)), 14),
  global_attn_indexes: v.optional(v.array(integer), [2, 5, 8, 11]),
  num_pos_feats: v.optional(count, 128),
  mlp_dim: orNull(count),
  scale: v.optional(positive),
});

const prompts = v.object({
  hidden_size: v.optional(count, 256),
  image_size: v.optional(count, 1024),
  patch_size: v.optional(count, 16),
  mask_input_channels: v.optional(count, 16),
  num_point_embeddings: v.optional(v.pipe(count, v.minValue(2)), 4),
  hidden_act: v.optional(activationName, "gelu"),
  layer_norm_eps: v.optional(positive, 1e-6),
  image_embedding_size: v.optional(count),
});

const decoder = v.object({
  hidden_size: v.optional(v.pipe(count, v.minValue(8)), 256),
  hidden_act: v.optional(activationName, "relu"),
  mlp_dim: v.optional(count, 2048),
  num_hidden_layers: v.optional(blockCount, 2),
  num_attention_heads: v.optional(count, 8),
  attention_downsample_rate: v.optional(count, 2),
  num_multimask_outputs: v.optional(count, 3),
  iou_head_depth: v.optional(count, 3),
  iou_head_hidden_dim: v.optional(count, 256),
  layer_norm_eps: v.optional(positive, 1e-6),
});

const settings = v.object({
  vision_config: v.optional(vision, {}),
  prompt_encoder_config: v.optional(prompts, {}),
  mask_decoder_config: v.optional(decoder, {}),
  initializer_range: v.optional(positive, 0.02),
  tie_word_embeddings: flag(true),
});

/** All settings, with defaults. */
export type SamSettings = v.InferOutput<typeof settings>;

/** Reads a config. @throws {TypeError} naming a setting that is missing, wrong or not supported, or two that do not fit together */
export function readSam(config: ModelConfig): SamSettings {
  const given = config.read(settings);
  checkFit(config, given);
  return given;
}

/** Refuses settings of the three configs that do not fit together, by their names. */
function checkFit(config: ModelConfig, given: SamSettings): void {
  const { vision_config: vision, prompt_encoder_config: prompts, mask_decoder_config: decoder } =
    given;
  const multiple = (of: string, value: number, by: string, divisor: number) => {
    if (value % divisor === 0) return;
    throw config.error(`${of} must be a multiple of ${by}, got ${value} and ${divisor}`);
  };
  const same = (a: string, first: number, b: string, second: number) => {
    if (first === second) return;
    throw config.error(`${a} must be ${b}, got ${first} and ${second}`);
  };
  const heads = "num_attention_heads";
  multiple("vision_config.hidden_size", vision.hidden_size, heads, vision.num_attention_heads);
  const width = decoder.hidden_size;
  multiple("mask_decoder_config.hidden_size", width, heads, decoder.num_attention_heads);
  for (const rate of [CROSS_ATTENTION_RATE, decoder.attention_downsample_rate]) {
    const narrow = Math.floor(width / rate);
    const name = `mask_decoder_config.hidden_size / ${rate}`;
    if (narrow === 0) throw config.error(`${name} must be at least 1, got ${width} / ${rate}`);
    multiple(name, narrow, heads, decoder.num_attention_heads);
  }
  multiple("prompt_encoder_config.mask_input_channels", prompts.mask_input_channels, "4", 4);
  const decoderWidth = "mask_decoder_config.hidden_size";
  same("vision_config.output_channels", vision.output_channels, decoderWidth, width);
  same("prompt_encoder_config.hidden_size", prompts.hidden_size, decoderWidth, width);
  same("2 x vision_config.num_pos_feats", 2 * vision.num_pos_feats, decoderWidth, width);
  const side = Math.floor(vision.image_size / vision.patch_size);
  if (side === 0) {
    throw config.error(
      `vision_config.patch_size must not be larger than image_size, got ${vision.patch_size} and ${vision.image_size}`,
    );
  }
  const { image_embedding_size = Math.floor(prompts.image_size / prompts.patch_size) } = prompts;
  const places = "vision_config.image_size / patch_size";
  same("prompt_encoder_config.image_embedding_size", image_embedding_size, places, side);
  const features = vision.hidden_size / vision.num_attention_heads +
    (vision.use_rel_pos ? 2 * Math.max(side, vision.window_size) : 0);
  if (features <= MAX_FEATURES) return;
  throw config.error(
    `use_rel_pos is supported where the features of a head and the places of an image down and across are at most ${MAX_FEATURES}, ` +
      `got ${features}: lower image_size / patch_size or window_size`,
  );
}

/** Attention in blocks of the decoder is half as wide, whatever attention_downsample_rate says of the last. */
export const CROSS_ATTENTION_RATE = 2;

/** What attention() takes. */
const MAX_FEATURES = 256;
