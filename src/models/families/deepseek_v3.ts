// DeepSeek-V3 (2024; also R1, Moonlight): keys and values computed from a few compressed features, with a rotated part of keys that all
// heads share; the first blocks have gated MLPs, the others experts.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type {
  ExpertsDescription,
  LatentAttentionDescription,
  MlpDescription,
} from "../blocks/block_description.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
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
import { Decoder } from "../decoder.ts";
import type { DecoderDescription } from "../decoder_description.ts";
import type { Architecture } from "../pretrained_model.ts";
import { readRotary } from "../positions/rotary_frequencies.ts";
import { readPadding } from "./padding.ts";

/** `DeepseekV3ForCausalLM` */
export const deepseekV3: Architecture = {
  name: "DeepseekV3ForCausalLM",
  baseName: "DeepseekV3Model",
  head: ["head"],
  makes: Decoder,
  modelType: "deepseek_v3",
  fromConfig(config) {
    const sizes = config.read(settings);
    const description = describe(config, sizes);
    const names = namesOf(sizes);
    return {
      names,
      build: (source) => new Decoder(description, { source, form: { config, names } }),
    };
  },
};

const settings = v.object({
  vocab_size: v.optional(count, 129280),
  hidden_size: v.optional(count, 7168),
  intermediate_size: v.optional(count, 18432),
  num_hidden_layers: v.optional(blockCount, 61),
  num_attention_heads: v.optional(count, 128),
  num_key_value_heads: v.optional(v.nullable(count), 128),
  kv_lora_rank: v.optional(count, 512),
  q_lora_rank: v.optional(v.nullable(count), 1536),
  qk_rope_head_dim: v.optional(count, 64),
  qk_nope_head_dim: v.optional(count, 128),
  v_head_dim: v.optional(count, 128),
  head_dim: orNull(count),
  first_k_dense_replace: v.optional(v.pipe(integer, v.minValue(0)), 3),
  hidden_act: v.optional(activationName, "silu"),
  max_position_embeddings: v.optional(count, 4096),
  initializer_range: v.optional(positive, 0.02),
  rms_norm_eps: v.optional(positive, 1e-6),
  rope_interleave: v.optional(v.nullable(v.boolean()), true),
  attention_bias: flag(false),
  attention_dropout: v.optional(probability, 0),
  pad_token_id: orNull(integer),
  tie_word_embeddings: flag(false),
  moe_intermediate_size: v.optional(count, 2048),
  n_shared_experts: v.optional(count, 1),
  n_routed_experts: v.optional(count, 256),
  n_group: v.optional(count, 8),
  topk_group: v.optional(count, 4),
  num_experts_per_tok: v.optional(count, 8),
  norm_topk_prob: v.optional(v.nullable(v.boolean()), true),
  routed_scaling_factor: v.optional(v.pipe(v.number(), v.finite("must be finite")), 2.5),
  // Layers that predict further tokens: files may hold them after those of the model, which does not use them.
  num_nextn_predict_layers: v.optional(v.pipe(integer, v.minValue(0), v.maxValue(100)), 1),
});

type Settings = v.InferOutput<typeof settings>;

function describe(config: ModelConfig, sizes: Settings): DecoderDescription {
  const { vocab_size: vocabulary, hidden_size: width, initializer_range: deviation } = sizes;
  const attention = describeAttention(config, sizes);
  const mlp: MlpDescription = {
    kind: "gated",
    storage: "outIn",
    bias: false,
    outputDeviation: deviation,
    width: sizes.intermediate_size,
    activation: activationCalled(sizes.hidden_act),
  };
  const numDense = sizes.first_k_dense_replace;
  const experts = numDense < sizes.num_hidden_layers ? describeExperts(config, sizes) : undefined;
  return {
    tokens: { count: vocabulary, width, padding: readPadding(config, { ...sizes, vocabulary }) },
    positions: {
      kind: "rotary",
      settings: readRotary(config, {
        headWidth: sizes.qk_rope_head_dim,
        maxPositions: sizes.max_position_embeddings,
      }),
    },
    width,
    deviation,
    norm: { kind: "rms", eps: sizes.rms_norm_eps },
    normPlace: "before",
    finalNorm: true,
    numBlocks: sizes.num_hidden_layers,
    block: (index) => ({ attention, mlp: index < numDense ? mlp : experts! }),
    tied: sizes.tie_word_embeddings,
  };
}

function describeAttention(config: ModelConfig, sizes: Settings): LatentAttentionDescription {
  const { num_attention_heads: numHeads, num_key_value_heads: keyHeads } = sizes;
  const { qk_nope_head_dim: plainWidth, qk_rope_head_dim: rotatedWidth } = sizes;
  if ((keyHeads ?? numHeads) !== numHeads) {
    throw config.error(
      `num_key_value_heads must be num_attention_heads, got ${keyHeads} and ${numHeads}`,
    );
  }
  if ((sizes.head_dim ?? rotatedWidth) !== rotatedWidth) {
    throw config.error(
      `head_dim must be qk_rope_head_dim, got ${sizes.head_dim} and ${rotatedWidth}`,
    );
  }
  return {
    projections: "latent",
    numHeads,
    queryRank: sizes.q_lora_rank ?? undefined,
    rank: sizes.kv_lora_rank,
    plainWidth,
    rotatedWidth,
    valueWidth: sizes.v_head_dim,
    // Not rms_norm_eps, as in transformers.
    normEps: 1e-6,
    downBias: sizes.attention_bias,
    outputBias: sizes.attention_bias,
    scale: (plainWidth + rotatedWidth) ** -0.5 * readScoreGrowth(config) ** 2,
    rotaryPairs: sizes.rope_interleave ? "neighbours" : "halves",
    outputDeviation: sizes.initializer_range,
    dropout: sizes.attention_dropout,
  };
}

function describeExperts(config: ModelConfig, sizes: Settings): ExpertsDescription {
  const { n_routed_experts: numExperts, num_experts_per_tok: numChosen } = sizes;
  const { n_group: numGroups, topk_group: numChosenGroups } = sizes;
  const perGroup = numExperts / numGroups;
  if (!Number.isInteger(perGroup) || perGroup < 2) {
    throw config.error(
      `n_routed_experts must be a multiple of n_group, with two experts or more in each, got ${numExperts} and ${numGroups}`,
    );
  }
  if (numChosenGroups > numGroups) {
    throw config.error(
      `topk_group must be at most n_group, got ${numChosenGroups} of ${numGroups}`,
    );
  }
  if (numChosen > numChosenGroups * perGroup) {
    throw config.error(
      `num_experts_per_tok must be at most the ${
        numChosenGroups * perGroup
      } experts of topk_group groups, got ${numChosen}`,
    );
  }
  return {
    kind: "experts",
    count: numExperts,
    width: sizes.moe_intermediate_size,
    activation: activationCalled(sizes.hidden_act),
    outputDeviation: sizes.initializer_range,
    sharedWidth: sizes.moe_intermediate_size * sizes.n_shared_experts,
    routing: {
      numChosen,
      scores: "sigmoid",
      isNormalized: sizes.norm_topk_prob ?? false,
      factor: sizes.routed_scaling_factor,
      correctionBias: true,
      groups: { count: numGroups, numChosen: numChosenGroups },
      isF32: true,
    },
  };
}

/** The growth of queries and keys with `mscale_all_dim` of scaled positions, 0.1 m ln(factor) + 1: for scores, squared. */
function readScoreGrowth(config: ModelConfig): number {
  const { rope_parameters, rope_scaling } = config.read(scaling);
  const { rope_type, type, factor, mscale_all_dim: growth } = rope_parameters ?? rope_scaling ?? {};
  if ((rope_type ?? type ?? "default") === "default" || !growth) return 1;
  if (!factor) throw config.error("rope_parameters.factor is missing, which mscale_all_dim needs");
  return factor <= 1 ? 1 : 0.1 * growth * Math.log(factor) + 1;
}

const scaled = orNull(v.object({
  rope_type: orNull(v.string()),
  type: orNull(v.string()),
  factor: orNull(positive),
  mscale_all_dim: orNull(v.number()),
}));
const scaling = v.object({ rope_parameters: scaled, rope_scaling: scaled });

function namesOf(
  { q_lora_rank: queryRank, num_hidden_layers: numBlocks, num_nextn_predict_layers: numFurther }:
    Settings,
): CheckpointNames {
  const [attention, mlp] = ["model.layers.*.self_attn", "model.layers.*.mlp"];
  return {
    modules: {
      "tokens": "model.embed_tokens",
      "blocks.*.attentionNorm": "model.layers.*.input_layernorm",
      "blocks.*.attention.queryDown": `${attention}.q_a_proj`,
      "blocks.*.attention.queryNorm": `${attention}.q_a_layernorm`,
      "blocks.*.attention.query": `${attention}.${queryRank === null ? "q_proj" : "q_b_proj"}`,
      "blocks.*.attention.keyValueDown": `${attention}.kv_a_proj_with_mqa`,
      "blocks.*.attention.keyValueNorm": `${attention}.kv_a_layernorm`,
      "blocks.*.attention.keyValue": `${attention}.kv_b_proj`,
      "blocks.*.attention.output": `${attention}.o_proj`,
      "blocks.*.mlpNorm": "model.layers.*.post_attention_layernorm",
      "blocks.*.mlp.gate": `${mlp}.gate_proj`,
      "blocks.*.mlp.up": `${mlp}.up_proj`,
      "blocks.*.mlp.down": `${mlp}.down_proj`,
      "blocks.*.mlp.router.gate": `${mlp}.gate`,
      "blocks.*.mlp.router.correctionBias": `${mlp}.gate.e_score_correction_bias`,
      "blocks.*.mlp.shared.gate": `${mlp}.shared_experts.gate_proj`,
      "blocks.*.mlp.shared.up": `${mlp}.shared_experts.up_proj`,
      "blocks.*.mlp.shared.down": `${mlp}.shared_experts.down_proj`,
      "norm": "model.norm",
      "head": "lm_head",
    },
    stacks: {
      "blocks.*.mlp.stack.gateUp": [
        `${mlp}.experts.*.gate_proj.weight`,
        `${mlp}.experts.*.up_proj.weight`,
      ],
      "blocks.*.mlp.stack.down": [`${mlp}.experts.*.down_proj.weight`],
    },
    ignored: Array.from(
      { length: numFurther },
      (_, k) => new RegExp(`^model\\.layers\\.${numBlocks + k}\\.`),
    ),
    basePrefix: "model.",
    tied: { "lm_head.weight": "model.embed_tokens.weight" },
  };
}
