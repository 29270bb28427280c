// What DeepSeek-V2 (2024) and DeepSeek-V3 (2024) have in common: keys and values computed from a few compressed features, with a rotated
// part of keys that all heads share; the first blocks have gated MLPs, the others experts.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type {
  ExpertsDescription,
  LatentAttentionDescription,
  MlpDescription,
  RoutingDescription,
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
import type { DecoderDescription } from "../decoder_description.ts";
import type { ModelBuilder } from "../pretrained_model.ts";
import { readRotary } from "../positions/rotary_frequencies.ts";
import { decoderBuilder } from "./decoder_builder.ts";
import { readPadding } from "./padding.ts";

/** The defaults of a version. */
export interface DeepseekDefaults {
  readonly vocabulary: number;
  readonly width: number;
  readonly inner: number;
  readonly numBlocks: number;
  readonly numDense: number;
  readonly numHeads: number;
  /** Default: as many as heads. */
  readonly keyHeads: number | null;
  readonly positions: number;
  readonly expertInner: number;
  readonly numExperts: number;
  readonly numShared: number;
  readonly factor: number;
}

/** The schema of settings that both versions have, with a version's defaults. */
export function deepseekSizes(defaults: DeepseekDefaults) {
  return v.object({
    vocab_size: v.optional(count, defaults.vocabulary),
    hidden_size: v.optional(count, defaults.width),
    intermediate_size: v.optional(count, defaults.inner),
    num_hidden_layers: v.optional(blockCount, defaults.numBlocks),
    num_attention_heads: v.optional(count, defaults.numHeads),
    num_key_value_heads: v.optional(v.nullable(count), defaults.keyHeads),
    kv_lora_rank: v.optional(count, 512),
    q_lora_rank: v.optional(v.nullable(count), 1536),
    qk_rope_head_dim: v.optional(count, 64),
    qk_nope_head_dim: v.optional(count, 128),
    v_head_dim: v.optional(count, 128),
    head_dim: orNull(count),
    first_k_dense_replace: v.optional(v.pipe(integer, v.minValue(0)), defaults.numDense),
    hidden_act: v.optional(activationName, "silu"),
    max_position_embeddings: v.optional(count, defaults.positions),
    initializer_range: v.optional(positive, 0.02),
    rms_norm_eps: v.optional(positive, 1e-6),
    attention_bias: flag(false),
    attention_dropout: v.optional(probability, 0),
    pad_token_id: orNull(integer),
    tie_word_embeddings: flag(false),
    moe_intermediate_size: v.optional(count, defaults.expertInner),
    n_shared_experts: v.optional(count, defaults.numShared),
    n_routed_experts: v.optional(count, defaults.numExperts),
    routed_scaling_factor: v.optional(
      v.pipe(v.number(), v.finite("must be finite")),
      defaults.factor,
    ),
  });
}

/** The settings of {@linkcode deepseekSizes}. */
export type DeepseekSizes = v.InferOutput<ReturnType<typeof deepseekSizes>>;

/** The differences between versions. */
export interface DeepseekVersion {
  /** The features of a pair that is rotated. */
  readonly rotaryPairs: "halves" | "neighbours";
  /** How experts are chosen; called if a block has experts. @throws {TypeError} naming a setting that does not fit */
  readonly routing: () => RoutingDescription;
  /** Tensors that files may hold and the model does not use. */
  readonly ignored?: readonly RegExp[];
}

/** Makes a version. @throws {TypeError} naming settings that contradict each other */
export function deepseekVersion(
  config: ModelConfig,
  sizes: DeepseekSizes,
  version: DeepseekVersion,
): ModelBuilder {
  const description = describe(config, sizes, version);
  const names = { ...namesOf(sizes), ignored: version.ignored ?? [] };
  return decoderBuilder(description, { config, names });
}

/** Verifies groups of experts. @throws {TypeError} naming the setting that does not fit */
export function requireGroups(
  config: ModelConfig,
  { numExperts, numGroups, numChosenGroups, numChosen, fewest }: {
    readonly numExperts: number;
    readonly numGroups: number;
    readonly numChosenGroups: number;
    readonly numChosen: number;
    /** The fewest experts of a group. */
    readonly fewest: number;
  },
): void {
  const perGroup = numExperts / numGroups;
  if (!Number.isInteger(perGroup) || perGroup < fewest) {
    throw config.error(
      `n_routed_experts must be a multiple of n_group, with ${fewest} experts or more in each, got ${numExperts} and ${numGroups}`,
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
}

function describe(
  config: ModelConfig,
  sizes: DeepseekSizes,
  { rotaryPairs, routing }: DeepseekVersion,
): DecoderDescription {
  const { vocab_size: vocabulary, hidden_size: width, initializer_range: deviation } = sizes;
  const attention = describeAttention(config, sizes, rotaryPairs);
  const mlp: MlpDescription = {
    kind: "gated",
    storage: "outIn",
    bias: false,
    outputDeviation: deviation,
    width: sizes.intermediate_size,
    activation: activationCalled(sizes.hidden_act),
  };
  const numDense = sizes.first_k_dense_replace;
  const experts = numDense < sizes.num_hidden_layers
    ? describeExperts(sizes, routing())
    : undefined;
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

function describeAttention(
  config: ModelConfig,
  sizes: DeepseekSizes,
  rotaryPairs: "halves" | "neighbours",
): LatentAttentionDescription {
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
    rotaryPairs,
    outputDeviation: sizes.initializer_range,
    dropout: sizes.attention_dropout,
  };
}

function describeExperts(sizes: DeepseekSizes, routing: RoutingDescription): ExpertsDescription {
  return {
    kind: "experts",
    count: sizes.n_routed_experts,
    width: sizes.moe_intermediate_size,
    activation: activationCalled(sizes.hidden_act),
    outputDeviation: sizes.initializer_range,
    sharedWidth: sizes.moe_intermediate_size * sizes.n_shared_experts,
    routing,
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

function namesOf({ q_lora_rank: queryRank }: DeepseekSizes): CheckpointNames {
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
    basePrefix: "model.",
    tied: { "lm_head.weight": "model.embed_tokens.weight" },
  };
}
