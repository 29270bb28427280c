// Options that every optimizer has, whatever its update rule.

import { requireWithin } from "./bounds.ts";
import { boolean, number, oneOf, type OptionKinds } from "./option_shape.ts";

/**
 * Options of a parameter that do not depend on the update rule.
 *
 * @category Optimizers
 */
export interface SharedOptions {
  /**
   * Keep an f32 copy of a 16-bit parameter, step that, and round it to the parameter: small steps add up. It costs 4 bytes
   * an element, divided over ranks by ZeRO. Default false: the parameter itself is stepped in f32 and rounded.
   */
  masterWeights?: boolean;
  /**
   * How stepped 16-bit parameters are rounded: to the nearest, or stochastically, up or down at random with an exact mean, so
   * that steps smaller than the distance to the next number are not lost. Default `"nearest"`.
   */
  rounding?: "nearest" | "stochastic";
  /** Seed of stochastic rounding, the same on all ranks. Default 0. */
  seed?: number;
  /** What `step()` does with a parameter that has no gradient. Default `"error"`. */
  missingGradients?: "error" | "skip";
}

/** The kinds of those options. */
export const sharedKinds: OptionKinds<SharedOptions> = {
  masterWeights: boolean,
  rounding: oneOf("nearest", "stochastic"),
  seed: number,
  missingGradients: oneOf("error", "skip"),
};

/**
 * Those options, checked.
 *
 * @category Optimizers
 */
export interface SharedHyperparameters {
  /** Whether 16-bit parameters have an f32 copy, which is stepped instead. */
  readonly masterWeights: boolean;
  /** How a step is rounded to 16 bits. */
  readonly rounding: "nearest" | "stochastic";
  /** Seed of stochastic rounding. */
  readonly seed: number;
  /** What a step does with a parameter that has no gradient. */
  readonly missingGradients: "error" | "skip";
}

/**
 * Checks the options and fills in defaults.
 *
 * @throws {TypeError} if options exclude each other
 * @throws {RangeError} if a number is outside its range
 */
export function parseShared(
  { masterWeights = false, rounding = "nearest", seed = 0, missingGradients = "error" }:
    SharedOptions,
): SharedHyperparameters {
  requireWithin("seed", seed, { least: 0, most: 2 ** 32 - 1 });
  if (!Number.isInteger(seed)) {
    throw new RangeError(`seed must be an integer: current value is ${seed}`);
  }
  if (masterWeights && rounding === "stochastic") {
    throw new TypeError(
      "Cannot round stochastically with master weights, which lose nothing by rounding: leave one of them out",
    );
  }
  return { masterWeights, rounding, seed, missingGradients };
}
