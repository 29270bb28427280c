// Frequencies of the rotary embedding, as transformers computes them from a config. With R rotated features and base b:
//
//   f_k = b^(-2 k / R), k = 0 ... R / 2 - 1                                                        (Su et al. 2021)
//
//   linear    f_k / factor: positions are interpolated                                          (Chen et al. 2023)
//   dynamic   b grows with the length of the text, once that exceeds the length in training            ("NTK-aware")
//   yarn      low frequencies as linear, high ones unchanged, a ramp between; cos and sin are scaled     (Peng et al. 2023)
//   llama3    the same by wavelength, with other bounds                                              (Llama 3.1, 2024)
//   longrope  f_k / s_k, with a factor for each pair: one list for texts up to the length in training, one for longer ones;
//             cos and sin are scaled                                                             (Ding et al. 2024)
//
// Frequencies are rounded to f32, as in transformers, in which models were trained.

import * as v from "valibot";
import { MAX_HEAD_WIDTH } from "../../ops/attention.ts";
import { count, type ModelConfig, orNull, positive } from "../config/model_config.ts";

/**
 * Frequencies for one length of text.
 *
 * @category Models
 */
export interface RotaryFrequencies {
  /** Radians per position, one for each pair of features. */
  readonly frequencies: readonly number[];
  /** Factor of cosines and sines. */
  readonly scale: number;
}

/**
 * The rotary embedding of a model.
 *
 * @category Models
 */
export interface RotarySettings {
  /** Texts up to this length have the same frequencies. */
  readonly constantUpTo: number;
  /** The frequencies for texts of `length` tokens. */
  frequenciesFor(length: number): RotaryFrequencies;
}

/** Sizes that {@linkcode readRotary} needs. */
export interface RotarySizes {
  /** R: features of a head, or those that are rotated. */
  readonly headWidth: number;
  /** Whether the family reads which part of a head is rotated. Default: the whole head must be. */
  readonly isPartial?: boolean;
  /** The base, if the config has none. Default: 10000. */
  readonly base?: number | undefined;
  /** Maximum length of text, by the config. */
  readonly maxPositions: number;
}

/**
 * Reads `rope_parameters`, or `rope_theta` and `rope_scaling` of older configs, or of other `values`.
 *
 * @throws {TypeError} naming a setting that is missing, wrong or not supported.
 */
export function readRotary(
  config: ModelConfig,
  sizes: RotarySizes,
  values: unknown = config.values,
): RotarySettings {
  const given = config.read(inConfig, values);
  const part = given.rope_parameters?.partial_rotary_factor ?? given.partial_rotary_factor ?? 1;
  if (!sizes.isPartial && part !== 1) {
    throw config.error(`partial_rotary_factor must be 1, got ${part}`);
  }
  if (given.rope_scaling !== null && given.rope_parameters !== null) {
    throw config.error("rope_scaling and rope_parameters are both given: leave one of them out");
  }
  if (sizes.headWidth % 2 !== 0) {
    throw config.error(
      `heads must have an even number of features to be rotated, got ${sizes.headWidth}`,
    );
  }
  if (sizes.headWidth > MAX_HEAD_WIDTH) throw tooWide(config, sizes.headWidth);
  const own = given.rope_parameters ?? given.rope_scaling ?? {};
  const { rope_parameters: scaling } = config.read(v.object({ rope_parameters: scalingShape }), {
    rope_parameters: {
      ...own,
      rope_type: ofOldName(own.rope_type ?? own.type ?? "default"),
      rope_theta: own.rope_theta ?? given.rope_theta ?? sizes.base ?? 10_000,
    },
  });
  if (scaling.rope_type === "dynamic" && sizes.headWidth === 2) {
    throw config.error("rope_type dynamic needs more than 2 features that are rotated, got 2");
  }
  const pairs = sizes.headWidth / 2;
  for (const key of ["short_factor", "long_factor"] as const) {
    if (scaling.rope_type !== "longrope" || scaling[key].length === pairs) continue;
    throw config.error(
      `${key} must have a factor for each of ${pairs} pairs of features, got ${
        scaling[key].length
      }`,
    );
  }
  const trainedPositions = given.original_max_position_embeddings ??
    scaling.original_max_position_embeddings ?? sizes.maxPositions;
  return settingsOf(scaling, { ...sizes, trainedPositions });
}

/** The error about heads that are wider than attention computes. */
export function tooWide(config: ModelConfig, width: number): TypeError {
  return config.error(`heads must have at most ${MAX_HEAD_WIDTH} features, got ${width}`);
}

/** The present name of a kind of scaling: files that are older than transformers' longrope call it su. */
function ofOldName(kind: unknown): unknown {
  return kind === "su" ? "longrope" : kind;
}

interface Sizes extends RotarySizes {
  /** Length of text in training, before the frequencies were scaled. */
  readonly trainedPositions: number;
}

function settingsOf(scaling: Scaling, sizes: Sizes): RotarySettings {
  const { headWidth, maxPositions } = sizes;
  const plain = plainFrequencies(scaling.rope_theta, headWidth);
  switch (scaling.rope_type) {
    case "default":
      return constant({ frequencies: plain, scale: 1 });
    case "linear":
      return constant({ frequencies: plain.map((each) => each / scaling.factor), scale: 1 });
    case "llama3":
      return constant({ frequencies: llama3Frequencies(plain, scaling, sizes), scale: 1 });
    case "yarn":
      return constant(yarnFrequencies(plain, scaling, sizes));
    case "longrope":
      return longropeSettings(plain, scaling, sizes);
    case "dynamic":
      return {
        constantUpTo: maxPositions,
        frequenciesFor(length) {
          const stretch = scaling.factor * Math.max(length, maxPositions) / maxPositions -
            (scaling.factor - 1);
          const base = scaling.rope_theta * stretch ** (headWidth / (headWidth - 2));
          return inF32({ frequencies: plainFrequencies(base, headWidth), scale: 1 });
        },
      };
  }
}

function plainFrequencies(base: number, headWidth: number): number[] {
  return Array.from({ length: headWidth / 2 }, (_, k) => base ** (-2 * k / headWidth));
}

function llama3Frequencies(
  plain: readonly number[],
  { factor, low_freq_factor: low, high_freq_factor: high }: ScalingOf<"llama3">,
  { trainedPositions }: Sizes,
): number[] {
  return plain.map((frequency) => {
    const wavelength = 2 * Math.PI / frequency;
    if (wavelength > trainedPositions / low) return frequency / factor;
    if (wavelength < trainedPositions / high) return frequency;
    const share = (trainedPositions / wavelength - low) / (high - low);
    return (1 - share) * frequency / factor + share * frequency;
  });
}

function yarnFrequencies(
  plain: readonly number[],
  scaling: ScalingOf<"yarn">,
  { headWidth, maxPositions, trainedPositions }: Sizes,
): RotaryFrequencies {
  const { rope_theta: base, mscale, mscale_all_dim: mscaleAll } = scaling;
  const factor = scaling.factor ?? maxPositions / trainedPositions;
  const growth = (by: number) => factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1;
  const scale = scaling.attention_factor ??
    (mscale && mscaleAll ? growth(mscale) / growth(mscaleAll) : growth(1));
  // The pair of features that makes this many turns over the length of text in training.
  const pairWithTurns = (times: number) =>
    headWidth * Math.log(trainedPositions / (times * 2 * Math.PI)) / (2 * Math.log(base));
  const isWhole = scaling.truncate ?? true;
  const first = pairWithTurns(scaling.beta_fast || 32);
  const last = pairWithTurns(scaling.beta_slow || 1);
  const begin = Math.max(isWhole ? Math.floor(first) : first, 0);
  const end = Math.min(isWhole ? Math.ceil(last) : last, headWidth - 1);
  const width = begin === end ? 0.001 : end - begin;
  const frequencies = plain.map((frequency, k) => {
    const interpolated = Math.min(Math.max((k - begin) / width, 0), 1);
    return interpolated * frequency / factor + (1 - interpolated) * frequency;
  });
  return { frequencies, scale };
}

function longropeSettings(
  plain: readonly number[],
  scaling: ScalingOf<"longrope">,
  { maxPositions, trainedPositions }: Sizes,
): RotarySettings {
  const factor = scaling.factor ?? maxPositions / trainedPositions;
  const scale = scaling.attention_factor ??
    (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(trainedPositions)));
  const divided = (by: readonly number[]) =>
    inF32({ frequencies: plain.map((each, k) => each / by[k]), scale });
  const [short, long] = [divided(scaling.short_factor), divided(scaling.long_factor)];
  return {
    constantUpTo: trainedPositions,
    frequenciesFor: (length) => length > trainedPositions ? long : short,
  };
}

/** The same frequencies for texts of any length. */
function constant(frequencies: RotaryFrequencies): RotarySettings {
  return { constantUpTo: Infinity, frequenciesFor: () => inF32(frequencies) };
}

function inF32({ frequencies, scale }: RotaryFrequencies): RotaryFrequencies {
  return { frequencies: frequencies.map(Math.fround), scale };
}

const inEveryKind = {
  rope_theta: positive,
  partial_rotary_factor: orNull(positive),
  original_max_position_embeddings: orNull(count),
};
const scalingShape = v.variant("rope_type", [
  v.object({ ...inEveryKind, rope_type: v.literal("default") }),
  v.object({ ...inEveryKind, rope_type: v.literal("linear"), factor: positive }),
  v.object({ ...inEveryKind, rope_type: v.literal("dynamic"), factor: positive }),
  v.object({
    ...inEveryKind,
    rope_type: v.literal("yarn"),
    factor: orNull(positive),
    attention_factor: orNull(positive),
    mscale: orNull(v.number()),
    mscale_all_dim: orNull(v.number()),
    beta_fast: orNull(v.number()),
    beta_slow: orNull(v.number()),
    truncate: orNull(v.boolean()),
  }),
  v.object({
    ...inEveryKind,
    rope_type: v.literal("llama3"),
    factor: positive,
    low_freq_factor: positive,
    high_freq_factor: positive,
  }),
  v.object({
    ...inEveryKind,
    rope_type: v.literal("longrope"),
    factor: orNull(positive),
    attention_factor: orNull(positive),
    short_factor: v.array(positive),
    long_factor: v.array(positive),
  }),
]);
type Scaling = v.InferOutput<typeof scalingShape>;
type ScalingOf<Kind extends Scaling["rope_type"]> = Extract<Scaling, { rope_type: Kind }>;

// Settings per kind of layer are nested one level deeper: rotary_by_layer.ts.
const flat = v.record(
  v.string(),
  v.union([v.string(), v.number(), v.boolean(), v.null(), v.array(v.number())]),
);
const inConfig = v.object({
  rope_parameters: orNull(flat),
  rope_scaling: orNull(flat),
  rope_theta: orNull(positive),
  partial_rotary_factor: orNull(positive),
  original_max_position_embeddings: orNull(count),
});
