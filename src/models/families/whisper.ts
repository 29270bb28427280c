// Whisper (Radford et al. 2022).

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { AttentionDescription } from "../blocks/block_description.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import {
  blockCount,
  count,
  flag,
  integer,
  type ModelConfig,
  only,
  positive,
  probability,
} from "../config/model_config.ts";
import type { Architecture } from "../pretrained_model.ts";
import type { StackDescription } from "../stack.ts";
import { Whisper, type WhisperDescription } from "../whisper.ts";
import { readShift } from "./padding.ts";

const TOKENS = "model.decoder.embed_tokens.weight";

/** `WhisperForConditionalGeneration` */
export const whisper: Architecture = {
  name: "WhisperForConditionalGeneration",
  baseName: "WhisperModel",
  head: ["head"],
  makes: Whisper,
  modelType: "whisper",
  fromConfig(config) {
    const description = describe(config);
    const names = description.tied ? tiedNames : untiedNames;
    const options = { form: { config, names } };
    return { names, build: (source) => new Whisper(description, { source, ...options }) };
  },
};

const untiedNames: CheckpointNames = {
  modules: {
    "tokens": "model.decoder.embed_tokens",
    ...stackNames("encoder"),
    ...stackNames("decoder"),
    "decoder.blocks.*.crossNorm": "model.decoder.layers.*.encoder_attn_layer_norm",
    ...attentionNames("decoder.blocks.*.crossAttention", "model.decoder.layers.*.encoder_attn"),
    "firstConvolution": "model.encoder.conv1",
    "secondConvolution": "model.encoder.conv2",
    "head": "proj_out",
  },
  basePrefix: "model.",
};
const tiedNames: CheckpointNames = { ...untiedNames, tied: { "proj_out.weight": TOKENS } };

function stackNames(stack: "encoder" | "decoder"): Record<string, string> {
  const [blocks, layers] = [`${stack}.blocks.*`, `model.${stack}.layers.*`];
  return {
    [`${stack}.positions`]: `model.${stack}.embed_positions`,
    [`${blocks}.attentionNorm`]: `${layers}.self_attn_layer_norm`,
    ...attentionNames(`${blocks}.attention`, `${layers}.self_attn`),
    [`${blocks}.mlpNorm`]: `${layers}.final_layer_norm`,
    [`${blocks}.mlp.up`]: `${layers}.fc1`,
    [`${blocks}.mlp.down`]: `${layers}.fc2`,
    [`${stack}.norm`]: `model.${stack}.layer_norm`,
  };
}

function attentionNames(path: string, name: string): Record<string, string> {
  return {
    [`${path}.query`]: `${name}.q_proj`,
    [`${path}.key`]: `${name}.k_proj`,
    [`${path}.value`]: `${name}.v_proj`,
    [`${path}.output`]: `${name}.out_proj`,
  };
}

// `scale_embedding` changes nothing, as in transformers; `use_weighted_layer_sum` and `classifier_proj_size` are of a classifier.
const settings = v.object({
  vocab_size: v.optional(count, 51865),
  num_mel_bins: v.optional(count, 80),
  // Sinusoids of at least two frequencies.
  d_model: v.optional(
    v.pipe(count, v.minValue(4), v.check((width) => width % 2 === 0, "must be even")),
    384,
  ),
  encoder_layers: v.optional(blockCount, 4),
  decoder_layers: v.optional(blockCount, 4),
  encoder_attention_heads: v.optional(count, 6),
  decoder_attention_heads: v.optional(count, 6),
  encoder_ffn_dim: v.optional(count, 1536),
  decoder_ffn_dim: v.optional(count, 1536),
  max_source_positions: v.optional(count, 1500),
  max_target_positions: v.optional(count, 448),
  activation_function: v.optional(activationName, "gelu"),
  init_std: v.optional(positive, 0.02),
  dropout: v.optional(probability, 0),
  attention_dropout: v.optional(probability, 0),
  activation_dropout: v.optional(probability, 0),
  // Dropping whole blocks, and parts of spectrograms, in training.
  encoder_layerdrop: only(0),
  decoder_layerdrop: only(0),
  apply_spec_augment: only(false),
  is_encoder_decoder: only(true),
  pad_token_id: v.optional(v.nullable(integer), 50256),
  decoder_start_token_id: v.optional(v.nullable(integer), 50257),
  tie_word_embeddings: flag(true),
});

function describe(config: ModelConfig): WhisperDescription {
  const given = config.read(settings);
  const { init_std: deviation, vocab_size: numTokens } = given;
  const shift = readShift(config, { ...given, vocabulary: numTokens });
  return {
    numMelBins: given.num_mel_bins,
    numPlaces: given.max_source_positions,
    longestText: given.max_target_positions,
    numTokens,
    padding: shift.padding,
    encoder: describeStack(config, given, "encoder"),
    decoder: describeStack(config, given, "decoder"),
    tied: given.tie_word_embeddings,
    outputScale: 1,
    shift: shift.tokens,
    deviation,
    tokenDeviation: deviation,
  };
}

function describeStack(
  config: ModelConfig,
  given: v.InferOutput<typeof settings>,
  stack: "encoder" | "decoder",
): StackDescription {
  const { d_model: width, init_std: deviation, dropout } = given;
  const numHeads = given[`${stack}_attention_heads`];
  if (width % numHeads !== 0) {
    throw config.error(
      `d_model must be a multiple of ${stack}_attention_heads, got ${width} and ${numHeads}`,
    );
  }
  const attention: AttentionDescription = {
    visible: "all",
    numHeads,
    numKeyHeads: numHeads,
    headWidth: width / numHeads,
    inputBias: true,
    keyBias: false,
    outputBias: true,
    projections: "separate",
    storage: "outIn",
    headNorm: undefined,
    window: undefined,
    scale: (width / numHeads) ** -0.5,
    outputDeviation: deviation,
    dropout: given.attention_dropout,
  };
  return {
    numBlocks: given[`${stack}_layers`],
    positions: stack === "encoder"
      ? { kind: "sinusoidal", count: given.max_source_positions }
      : { kind: "learned", count: given.max_target_positions },
    dropout,
    block: {
      width,
      norm: { kind: "layer", eps: 1e-5 },
      normPlace: "before",
      ...(stack === "encoder"
        ? { attention }
        : { attention: { ...attention, visible: "causal" }, crossAttention: attention }),
      mlp: {
        kind: "plain",
        width: given[`${stack}_ffn_dim`],
        activation: activationCalled(given.activation_function),
        storage: "outIn",
        bias: true,
        outputDeviation: deviation,
        dropout: given.activation_dropout,
      },
      dropout,
    },
  };
}
