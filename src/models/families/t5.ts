// T5 (Raffel et al. 2020), and T5 1.1, Flan-T5 and ByT5, which have gated MLPs and an untied head.

import * as v from "valibot";
import { activationCalled, activationName } from "../blocks/activations.ts";
import type { CheckpointNames } from "../config/checkpoint_names.ts";
import type { AttentionDescription, MlpDescription } from "../blocks/block_description.ts";
import {
  blockCount,
  count,
  integer,
  type ModelConfig,
  only,
  orNull,
  positive,
  probability,
} from "../config/model_config.ts";
import type { Architecture } from "../pretrained_model.ts";
import type { EncoderDecoderDescription } from "../encoder_decoder.ts";
import { T5 } from "../t5.ts";
import type { StackDescription } from "../stack.ts";
import { readShift } from "./padding.ts";

const HEAD = "lm_head.weight";
const TOKENS = "shared.weight";

/** `T5ForConditionalGeneration` */
export const t5: Architecture = {
  name: "T5ForConditionalGeneration",
  baseName: "T5Model",
  head: ["head"],
  makes: T5,
  modelType: "t5",
  // Configs say that they are tied whether they are or not.
  mayBeTied: [HEAD, TOKENS],
  fromConfig(config, stored) {
    const description = describe(config, { tied: stored?.isUntied !== true });
    const names = namesOf(description);
    const options = { form: { config, names } };
    return {
      names,
      embeddingWidth: description.encoder.block.width,
      build: (source) => new T5(description, { source, ...options }),
    };
  },
};

function namesOf({ encoder: { block } }: EncoderDecoderDescription): CheckpointNames {
  const isGated = block.mlp.kind === "gated";
  const attention = (path: string, name: string) =>
    Object.fromEntries(
      Object.entries({ query: "q", key: "k", value: "v", output: "o" })
        .map(([layer, letter]) => [`${path}.${layer}`, `${name}.${letter}`]),
    );
  const stack = (name: "encoder" | "decoder") => {
    const blocks = `${name}.blocks.*`;
    const layer = `${name}.block.*.layer`;
    const last = name === "encoder" ? 1 : 2;
    return {
      [`${name}.relativeBias`]: `${name}.block.0.layer.0.SelfAttention.relative_attention_bias`,
      [`${blocks}.attentionNorm`]: `${layer}.0.layer_norm`,
      ...attention(`${blocks}.attention`, `${layer}.0.SelfAttention`),
      [`${blocks}.mlpNorm`]: `${layer}.${last}.layer_norm`,
      [`${blocks}.mlp.gate`]: `${layer}.${last}.DenseReluDense.wi_0`,
      [`${blocks}.mlp.up`]: `${layer}.${last}.DenseReluDense.${isGated ? "wi_1" : "wi"}`,
      [`${blocks}.mlp.down`]: `${layer}.${last}.DenseReluDense.wo`,
      [`${name}.norm`]: `${name}.final_layer_norm`,
    };
  };
  return {
    modules: {
      "tokens": "shared",
      ...stack("encoder"),
      ...stack("decoder"),
      "decoder.blocks.*.crossNorm": "decoder.block.*.layer.1.layer_norm",
      ...attention("decoder.blocks.*.crossAttention", "decoder.block.*.layer.1.EncDecAttention"),
      "head": "lm_head",
    },
    // A table that the first files have and nothing uses.
    ignored: [/^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$/],
    tied: {
      "encoder.embed_tokens.weight": TOKENS,
      "decoder.embed_tokens.weight": TOKENS,
      [HEAD]: TOKENS,
    },
  };
}

const settings = v.object({
  vocab_size: v.optional(count, 32128),
  d_model: v.optional(count, 512),
  d_kv: v.optional(count, 64),
  d_ff: v.optional(count, 2048),
  num_layers: v.optional(blockCount, 6),
  num_decoder_layers: orNull(blockCount),
  num_heads: v.optional(count, 8),
  relative_attention_num_buckets: v.optional(v.pipe(count, v.minValue(4)), 32),
  relative_attention_max_distance: v.optional(count, 128),
  layer_norm_epsilon: v.optional(positive, 1e-6),
  initializer_factor: v.optional(positive, 1),
  dropout_rate: v.optional(probability, 0.1),
  feed_forward_proj: v.optional(v.string(), "relu"),
  pad_token_id: v.optional(v.nullable(integer), 0),
  decoder_start_token_id: orNull(integer),
  is_decoder: only(false),
  is_encoder_decoder: only(true),
  tie_word_embeddings: orNull(v.boolean()),
  scale_decoder_outputs: orNull(v.boolean()),
});

function describe(
  config: ModelConfig,
  { tied }: { readonly tied: boolean },
): EncoderDecoderDescription {
  const given = config.read(settings);
  const { vocab_size: numTokens, d_model: width, d_kv: headWidth, num_heads: numHeads } = given;
  const { initializer_factor: factor, d_ff: inner, dropout_rate: dropout } = given;
  const { relative_attention_num_buckets: numBuckets } = given;
  const { relative_attention_max_distance: maxDistance } = given;
  if (maxDistance <= numBuckets / 2) {
    throw config.error(
      "relative_attention_max_distance must be more than half of relative_attention_num_buckets, got " +
        `${maxDistance} and ${numBuckets}`,
    );
  }
  const deviation = factor * width ** -0.5;
  const attention: AttentionDescription = {
    visible: "all",
    numHeads,
    numKeyHeads: numHeads,
    headWidth,
    inputBias: false,
    outputBias: false,
    projections: "separate",
    storage: "outIn",
    window: undefined,
    scale: 1,
    queryDeviation: factor * (width * headWidth) ** -0.5,
    outputDeviation: factor * (numHeads * headWidth) ** -0.5,
    dropout,
  };
  const encoder: StackDescription = {
    numBlocks: given.num_layers,
    positions: { kind: "relative", buckets: { numBuckets, maxDistance, visible: "all" } },
    dropout,
    outputDropout: dropout,
    block: {
      width,
      norm: { kind: "rms", eps: given.layer_norm_epsilon },
      normPlace: "before",
      attention,
      mlp: {
        ...readMlp(config, given.feed_forward_proj),
        width: inner,
        storage: "outIn",
        bias: false,
        outputDeviation: factor * inner ** -0.5,
        dropout,
      },
      dropout,
    },
  };
  const scaled = given.scale_decoder_outputs ?? given.tie_word_embeddings !== false;
  return {
    numTokens,
    tied,
    deviation,
    tokenDeviation: factor,
    encoder,
    decoder: {
      numBlocks: given.num_decoder_layers ?? given.num_layers,
      positions: { kind: "relative", buckets: { numBuckets, maxDistance, visible: "causal" } },
      dropout,
      outputDropout: dropout,
      block: {
        ...encoder.block,
        attention: { ...attention, visible: "causal" },
        crossAttention: attention,
      },
    },
    outputScale: scaled ? width ** -0.5 : 1,
    shift: readShift(config, { ...given, vocabulary: numTokens }).tokens,
  };
}

/** `relu`, or `gated-gelu`, which means the tanh approximation. */
function readMlp(
  config: ModelConfig,
  projection: string,
): Pick<MlpDescription, "kind" | "activation"> {
  const parts = projection.split("-");
  const name = projection === "gated-gelu" ? "gelu_new" : parts.at(-1)!;
  const isKnown = parts.length === 1 || parts.length === 2 && parts[0] === "gated";
  if (!isKnown || !v.is(activationName, name)) {
    throw config.error(
      `feed_forward_proj must be an activation, or gated- and an activation, got ${projection}`,
    );
  }
  return { kind: parts.length === 2 ? "gated" : "plain", activation: activationCalled(name) };
}
