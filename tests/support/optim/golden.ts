// Trajectories that reference implementations computed in float64 (tests/goldens/adafactor), and how a result is compared
// with them.

import assert from "node:assert/strict";
import type { AdafactorOptions } from "../../../src/optim/options/hyperparameters.ts";
import { presets } from "../../../src/optim/options/presets.ts";
import type { FloatType } from "../../../src/tensor/dtype.ts";
import { goldensIn } from "../goldens.ts";

/** One trajectory. */
export interface Golden {
  readonly file: string;
  readonly case: string;
  readonly origin: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly shape: readonly number[];
  readonly gradientScale: number;
  /** Optimizer state after the last step, as the implementation names it. */
  readonly finalState: Readonly<Record<string, unknown>>;
  readonly parameterAfterStep: Readonly<Record<string, readonly number[]>>;
}

/**
 * The trajectories whose file name begins with `prefix`.
 *
 * @throws {Error} if there are none
 */
export function goldens(prefix: string): Golden[] {
  return goldensIn<Golden>("adafactor", prefix);
}

/** p0 = 0.05 sin(1 + 0.37 k) */
export function initialParameter({ shape }: Pick<Golden, "shape">): number[] {
  return Array.from({ length: count(shape) }, (_, k) => 0.05 * Math.sin(1 + 0.37 * k));
}

/** g_t = scale cos(0.9 t + 0.61 k + 0.013 (k mod 97)^2) (1 + k/n) rows / (1 + t mod 3), rows = 1 + floor(k/lastDim) mod 5 */
export function gradientAt(
  step: number,
  { shape, gradientScale }: Pick<Golden, "shape" | "gradientScale">,
): number[] {
  const n = count(shape);
  const lastDim = shape.at(-1) ?? 1;
  return Array.from({ length: n }, (_, k) => {
    const rows = 1 + Math.floor(k / lastDim) % 5;
    const wave = Math.cos(0.9 * step + 0.61 * k + 0.013 * (k % 97) ** 2);
    return gradientScale * wave * (1 + k / n) * rows / (1 + step % 3);
  });
}

/** The golden's arguments under this project's names, on top of the preset of its origin; refuses any that it does not know. */
export function optionsOf(
  { file, arguments: given }: Pick<Golden, "file" | "arguments">,
): AdafactorOptions {
  const origin = file.split("_")[0];
  const { preset, names } = ORIGINS[origin];
  const options: Record<string, unknown> = { ...preset };
  for (const [name, value] of Object.entries(given)) {
    const known = names[name];
    if (known === undefined) throw new TypeError(`The golden has an unknown argument ${name}`);
    options[known] = known === "factoring" ? { largestTwo: value } : value;
  }
  return options as AdafactorOptions;
}

interface Origin {
  readonly preset: AdafactorOptions;
  readonly names: Readonly<Record<string, keyof AdafactorOptions>>;
}

const ORIGINS: Readonly<Record<string, Origin>> = {
  hf: {
    preset: presets.huggingFace,
    names: {
      lr: "lr",
      clip_threshold: "clipThreshold",
      decay_rate: "decayRate",
      beta1: "beta1",
      weight_decay: "weightDecay",
      scale_parameter: "scaleParameter",
      relative_step: "relativeStep",
      warmup_init: "warmupInit",
    },
  },
  torch: {
    // Torch takes the epsilon of the parameter's format, which was float64 here.
    preset: { ...presets.torch, eps: [2 ** -52, 1e-3] },
    names: {
      lr: "lr",
      beta2_decay: "decayRate",
      eps: "eps",
      d: "clipThreshold",
      weight_decay: "weightDecay",
      maximize: "maximize",
    },
  },
  optax: {
    preset: presets.optax,
    names: {
      learning_rate: "lr",
      min_dim_size_to_factor: "factoring",
      decay_offset: "decayOffset",
      multiply_by_parameter_scale: "scaleParameter",
      clipping_threshold: "clipThreshold",
      momentum: "beta1",
      weight_decay_rate: "weightDecay",
    },
  },
};

/**
 * Asserts that two trajectories from `start` moved alike: |difference| <= 1e-5 |update| + steps u |p|, in norm, with u
 * half a unit in the last place of what parameters are stored as; and that standing still would not have passed.
 *
 * @returns the relative error of the update beyond the allowance for rounding
 */
export function assertSameUpdate(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  trajectory: Trajectory,
): number {
  const { what } = trajectory;
  const { update, difference, allowed, rounding } = compareUpdates(actual, expected, trajectory);
  assert.ok(
    update > allowed,
    `${what}: standing still would pass (update ${update}, allowed ${allowed})`,
  );
  assert.ok(
    difference <= allowed,
    `${what}: differs by ${difference}, allowed ${allowed} (update ${update})`,
  );
  return Math.max(0, difference - rounding) / update;
}

/** What two trajectories have in common. */
export interface Trajectory {
  readonly start: ArrayLike<number>;
  readonly steps: number;
  readonly what: string;
  /** How parameters are stored; f32 by default. */
  readonly dtype?: FloatType;
}

/** How far the expected one went, by how much the other differs, and by how much it may: in all, and for rounding. */
export function compareUpdates(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { start, steps, what, dtype = "f32" }: Trajectory,
): Record<"update" | "difference" | "allowed" | "rounding", number> {
  assert.equal(actual.length, expected.length, what);
  const norm = (value: (k: number) => number) =>
    Math.sqrt(Array.from(expected, (_, k) => value(k) ** 2).reduce((a, b) => a + b, 0));
  const update = norm((k) => expected[k] - start[k]);
  const rounding = steps * HALF_SPACING[dtype] * norm((k) => expected[k]);
  return {
    update,
    rounding,
    allowed: 1e-5 * update + rounding,
    difference: norm((k) => actual[k] - expected[k]),
  };
}

const HALF_SPACING = { f32: 2 ** -24, f16: 2 ** -11, bf16: 2 ** -8 };

function count(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
