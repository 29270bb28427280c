// Falcon (Almazrouei et al. 2023): attention and MLP side by side, rotary positions or ALiBi in bf16, few heads of keys, a tied head. The old block (7B) has
// one norm and one head of keys; the new one (40B, 180B) two norms and groups of heads; the oldest (RW) is BLOOM's.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { BlockDescription } from "../blocks/block_description.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import { Decoder } from "../decoder.ts";
import type { DecoderDescription } from "../decoder_description.ts";
import {
  blockCount,
  count,
  flag,
  type ModelConfig,
  only,
  orNull,
  positive,
  probability,
} from "../config/model_config.ts";
import { readRotary } from "../positions/rotary_frequencies.ts";
import type { Architecture } from "../pretrained_model.ts";
import { decoderBuilder } from "./decoder_builder.ts";
import { bloomNames } from "./bloom.ts";

/** `FalconForCausalLM` */
export const falcon: Architecture = {
  name: "FalconForCausalLM",
  baseName: "FalconModel",
  head: ["head"],
  makes: Decoder,
  modelType: "falcon",
  fromConfig(config) {
    const description = describe(config);
    const names = description.block(0).parallel === "ownNorm" ? namesOfTwoNorms : bloomNames;
    return decoderBuilder(description, { config, names });
  },
};

const namesOfTwoNorms: CheckpointNames = {
  ...bloomNames,
  modules: {
    ...bloomNames.modules,
    "blocks.*.attentionNorm": "transformer.h.*.ln_attn",
    "blocks.*.mlpNorm": "transformer.h.*.ln_mlp",
  },
};

const settings = v.object({
  vocab_size: v.optional(count, 65024),
  hidden_size: v.optional(count, 4544),
  num_hidden_layers: v.optional(blockCount, 32),
  num_attention_heads: v.optional(count, 71),
  num_kv_heads: orNull(count),
  ffn_hidden_size: orNull(count),
  max_position_embeddings: v.optional(count, 2048),
  num_ln_in_parallel_attn: orNull(v.picklist([1, 2])),
  layer_norm_epsilon: v.optional(positive, 1e-5),
  initializer_range: v.optional(positive, 0.02),
  // It would drop features of the sum of attention and MLP.
  hidden_dropout: only(0),
  attention_dropout: v.optional(probability, 0),
  activation: v.optional(activationName, "gelu"),
  alibi: v.nullish(v.boolean(), false),
  new_decoder_architecture: flag(false),
  multi_query: flag(true),
  parallel_attn: flag(true),
  bias: flag(false),
  tie_word_embeddings: flag(true),
});
type Settings = v.InferOutput<typeof settings>;

function describe(config: ModelConfig): DecoderDescription {
  const given = config.read(settings);
  const { hidden_size: width, num_attention_heads: numHeads, initializer_range: deviation } = given;
  const { new_decoder_architecture: isNew, multi_query: isMultiQuery } = given;
  if (width % numHeads !== 0) {
    throw config.error(
      `hidden_size must be a multiple of num_attention_heads, got ${width} and ${numHeads}`,
    );
  }
  const numKeyHeads = isNew ? given.num_kv_heads ?? numHeads : isMultiQuery ? 1 : numHeads;
  if (numHeads % numKeyHeads !== 0) {
    throw config.error(
      `num_attention_heads must be a multiple of num_kv_heads, got ${numHeads} and ${numKeyHeads}`,
    );
  }
  const headWidth = width / numHeads;
  return {
    width,
    deviation,
    tokens: { count: given.vocab_size, width, padding: undefined },
    positions: given.alibi ? { kind: "alibi" } : {
      kind: "rotary",
      settings: readRotary(config, { headWidth, maxPositions: given.max_position_embeddings }),
    },
    norm: { kind: "layer", eps: given.layer_norm_epsilon },
    normPlace: "before",
    finalNorm: true,
    numBlocks: given.num_hidden_layers,
    block: () => ({
      parallel: parallelOf(given),
      attention: {
        numHeads,
        numKeyHeads,
        headWidth,
        projections: isNew || !isMultiQuery ? "fusedByKeyHead" : "fused",
        storage: "outIn",
        inputBias: given.bias,
        outputBias: given.bias,
        outputDeviation: deviation,
        window: undefined,
        scale: headWidth ** -0.5,
        alibi: "bf16",
        dropout: given.attention_dropout,
      },
      mlp: {
        kind: "plain",
        storage: "outIn",
        bias: given.bias,
        outputDeviation: deviation,
        width: given.ffn_hidden_size ?? 4 * width,
        activation: activationCalled(given.activation),
      },
    }),
    tied: given.tie_word_embeddings,
  };
}

/** The new block is always parallel, by default with two norms. */
function parallelOf(
  { new_decoder_architecture: isNew, parallel_attn: isParallel, num_ln_in_parallel_attn: norms }:
    Settings,
): BlockDescription["parallel"] {
  if (isNew) return (norms ?? 2) === 2 ? "ownNorm" : "sharedNorm";
  return isParallel ? "sharedNorm" : undefined;
}
