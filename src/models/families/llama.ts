// Llama (Touvron et al. 2023; Llama 3, 2024): rotary positions, RMS norms before each part, fewer heads of keys than of queries, gated
// MLPs. Mistral, Mixtral, Qwen, Cohere, GLM, Phi-3 and SmolLM3 are variants of it, and use this file's functions.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import type {
  ExpertsDescription,
  HeadNormDescription,
  NormDescription,
  NormPlace,
} from "../blocks/block_description.ts";
import { Decoder } from "../decoder.ts";
import type { DecoderDescription, TokenDescription } from "../decoder_description.ts";
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
import type { Architecture, ModelBuilder } from "../pretrained_model.ts";
import { decoderBuilder } from "./decoder_builder.ts";
import { readPadding } from "./padding.ts";
import { readRotaryByLayer, type RotaryBases } from "../positions/rotary_by_layer.ts";
import { readRotary } from "../positions/rotary_frequencies.ts";

/** `LlamaForCausalLM` */
export const llama: Architecture = {
  name: "LlamaForCausalLM",
  baseName: "LlamaModel",
  head: ["head"],
  makes: Decoder,
  modelType: "llama",
  fromConfig(config) {
    const sizes = config.read(llamaSizes({ vocabulary: 32000, inner: 11008, positions: 2048 }));
    const { attention_bias: attentionBias, mlp_bias: mlpBias } = config.read(biases);
    return llamaVariant(config, sizes, {
      inputBias: attentionBias,
      outputBias: attentionBias,
      mlpBias,
      hasHeadNorms: false,
      windowOf: () => undefined,
    });
  },
};

const biases = v.object({ attention_bias: flag(false), mlp_bias: flag(false) });

/** The schema of settings that all variants of Llama have, with the variant's defaults. */
export function llamaSizes(
  { vocabulary, inner, positions, keyHeads, headWidth, eps = 1e-6 }: {
    readonly vocabulary: number;
    readonly inner: number;
    readonly positions: number;
    /** Default: the number of heads of queries. */
    readonly keyHeads?: number;
    /** Default: features divided by heads. */
    readonly headWidth?: number;
    /** Default: 1e-6. */
    readonly eps?: number;
  },
) {
  return v.object({
    vocab_size: v.optional(count, vocabulary),
    hidden_size: v.optional(count, 4096),
    intermediate_size: v.optional(count, inner),
    num_hidden_layers: v.optional(blockCount, 32),
    num_attention_heads: v.optional(count, 32),
    num_key_value_heads: v.optional(v.nullable(count), keyHeads ?? null),
    head_dim: v.optional(v.nullable(count), headWidth ?? null),
    hidden_act: v.optional(activationName, "silu"),
    max_position_embeddings: v.optional(count, positions),
    rms_norm_eps: v.optional(positive, eps),
    initializer_range: v.optional(positive, 0.02),
    attention_dropout: v.optional(probability, 0),
    pad_token_id: orNull(integer),
    tie_word_embeddings: flag(false),
  });
}

/** The settings of {@linkcode llamaSizes}. */
export type LlamaSizes = v.InferOutput<ReturnType<typeof llamaSizes>>;

/** The differences between variants of Llama. */
export interface LlamaVariant {
  /** Whether queries, keys and values have biases. */
  readonly inputBias: boolean;
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  /** Whether each head of queries and keys has a norm, as every norm is, with weights for `heads`. */
  readonly hasHeadNorms: boolean;
  /** The sliding window of block `index`; undefined for none. */
  readonly windowOf: (index: number) => number | undefined;
  /** Every norm. Default: an RMS norm. */
  readonly norm?: NormDescription;
  /** Which weights the norms of heads have. Default: "alike". */
  readonly heads?: HeadNormDescription["heads"];
  /** Where the norms are. Default: before each part. */
  readonly normPlace?: NormPlace;
  /** As in `BlockDescription`. Default: the MLP reads the sum after attention. */
  readonly parallel?: "sharedNorm";
  /** The base of rotary frequencies, if the config has none. Default: 10000. */
  readonly rotaryBase?: number;
  /** Names and values of the bases of blocks without a window and with one, if they differ. Default: they do not. */
  readonly rotaryBases?: RotaryBases;
  /** The part of each head that is rotated. Default: all of it. */
  readonly rotatedPart?: number;
  /** The features of a pair that is rotated. Default: "halves". */
  readonly rotaryPairs?: "halves" | "neighbours";
  /** Whether block `index` rotates queries and keys. Default: all blocks do. */
  readonly isRotated?: (index: number) => boolean;
  /** Whether one layer computes queries, keys and values. Default: three layers. */
  readonly fusedProjections?: boolean;
  /** Probabilities of dropping features of embeddings, and of each part's output. Default: no dropout. */
  readonly dropout?: { readonly embeddings: number; readonly parts: number };
  /** Whether one layer computes gate and up. Default: two layers. */
  readonly fusedGate?: boolean;
  /** Factor of scores. Default: 1 / sqrt(features of a head). */
  readonly attentionScale?: number;
  /** c, where scores are c tanh(score / c). */
  readonly softCap?: number | undefined;
  /** Factor of each part's output. Default: 1. */
  readonly residualScale?: number;
  /** Factor of embeddings. Default: 1. */
  readonly embeddingScale?: TokenDescription["scale"];
  /** Factor of logits. Default: 1. */
  readonly logitScale?: number;
  /** c, where logits are c tanh(logit / c). */
  readonly logitCap?: number | undefined;
  /** The experts of block `index`; undefined for an MLP. Default: all blocks have MLPs. */
  readonly experts?: (index: number) => ExpertsDescription | undefined;
  /** Factor of the loss of balance of experts. Default: there is none. */
  readonly balanceLoss?: number | undefined;
  /** Names of parameters that other variants lack. */
  readonly names?: Pick<CheckpointNames, "modules" | "stacks">;
}

/** Makes a variant of Llama. @throws {TypeError} naming settings that contradict each other */
export function llamaVariant(
  config: ModelConfig,
  sizes: LlamaSizes,
  differences: LlamaVariant,
): ModelBuilder {
  const description = describe(config, sizes, differences);
  const { modules, ...others } = differences.names ?? {};
  const names = { ...plainNames, ...others, modules: { ...plainNames.modules, ...modules } };
  return decoderBuilder(description, { config, names });
}

function describe(
  config: ModelConfig,
  sizes: LlamaSizes,
  { inputBias, outputBias, mlpBias, hasHeadNorms, windowOf, ...variant }: LlamaVariant,
): DecoderDescription {
  const { vocab_size: vocabulary, hidden_size: width, num_attention_heads: numHeads } = sizes;
  const { rms_norm_eps: eps, initializer_range: deviation } = sizes;
  const numKeyHeads = sizes.num_key_value_heads ?? numHeads;
  const headWidth = sizes.head_dim ?? Math.floor(width / numHeads);
  if (numHeads % numKeyHeads !== 0) {
    throw config.error(
      `num_attention_heads must be a multiple of num_key_value_heads, got ${numHeads} and ${numKeyHeads}`,
    );
  }
  const { rotatedPart } = variant;
  const rotarySizes = {
    headWidth: Math.floor(headWidth * (rotatedPart ?? 1)),
    isPartial: rotatedPart !== undefined,
    base: variant.rotaryBase,
    maxPositions: sizes.max_position_embeddings,
  };
  const { rotaryBases: bases, embeddingScale, norm = { kind: "rms", eps } } = variant;
  return {
    tokens: {
      count: vocabulary,
      width,
      padding: readPadding(config, { ...sizes, vocabulary }),
      scale: embeddingScale,
    },
    positions: {
      kind: "rotary",
      ...(bases === undefined
        ? { settings: readRotary(config, rotarySizes) }
        : readRotaryByLayer(config, rotarySizes, bases)),
    },
    width,
    deviation,
    norm,
    normPlace: variant.normPlace ?? "before",
    finalNorm: true,
    numBlocks: sizes.num_hidden_layers,
    block: (index) => ({
      attention: {
        numHeads,
        numKeyHeads,
        headWidth,
        inputBias,
        outputBias,
        projections: variant.fusedProjections ? "fused" : "separate",
        storage: "outIn",
        outputDeviation: deviation,
        headNorm: hasHeadNorms ? { ...norm, heads: variant.heads ?? "alike" } : undefined,
        window: windowOf(index),
        scale: variant.attentionScale ?? headWidth ** -0.5,
        softCap: variant.softCap,
        dropout: sizes.attention_dropout,
        ...(variant.rotaryPairs === undefined ? {} : { rotaryPairs: variant.rotaryPairs }),
        isRotated: variant.isRotated?.(index) ?? true,
        rotarySettings: bases !== undefined && windowOf(index) !== undefined ? "local" : "global",
      },
      ...(variant.dropout === undefined ? {} : { dropout: variant.dropout.parts }),
      parallel: variant.parallel,
      ...(variant.residualScale === undefined ? {} : { residualScale: variant.residualScale }),
      mlp: variant.experts?.(index) ?? {
        kind: "gated",
        fusedGate: variant.fusedGate ?? false,
        storage: "outIn",
        bias: mlpBias,
        outputDeviation: deviation,
        width: sizes.intermediate_size,
        activation: activationCalled(sizes.hidden_act),
      },
    }),
    tied: sizes.tie_word_embeddings,
    ...(variant.balanceLoss === undefined ? {} : { balanceLoss: variant.balanceLoss }),
    logitScale: variant.logitScale,
    logitCap: variant.logitCap,
    ...(variant.dropout === undefined ? {} : { dropout: variant.dropout.embeddings }),
  };
}

const plainNames: CheckpointNames = {
  modules: {
    "tokens": "model.embed_tokens",
    "blocks.*.attentionNorm": "model.layers.*.input_layernorm",
    "blocks.*.attention.qkv": "model.layers.*.self_attn.qkv_proj",
    "blocks.*.attention.query": "model.layers.*.self_attn.q_proj",
    "blocks.*.attention.key": "model.layers.*.self_attn.k_proj",
    "blocks.*.attention.value": "model.layers.*.self_attn.v_proj",
    "blocks.*.attention.queryNorm": "model.layers.*.self_attn.q_norm",
    "blocks.*.attention.keyNorm": "model.layers.*.self_attn.k_norm",
    "blocks.*.attention.output": "model.layers.*.self_attn.o_proj",
    "blocks.*.mlpNorm": "model.layers.*.post_attention_layernorm",
    "blocks.*.mlp.gate": "model.layers.*.mlp.gate_proj",
    "blocks.*.mlp.up": "model.layers.*.mlp.up_proj",
    "blocks.*.mlp.gateUp": "model.layers.*.mlp.gate_up_proj",
    "blocks.*.mlp.down": "model.layers.*.mlp.down_proj",
    "norm": "model.norm",
    "head": "lm_head",
  },
  basePrefix: "model.",
  tied: { "lm_head.weight": "model.embed_tokens.weight" },
};
