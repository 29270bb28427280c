// The numbers that steer AdamW; names of the paper, defaults of torch.optim.AdamW (amsgrad is off).

import { requireWithin, scheduleOf } from "./bounds.ts";
import {
  anyOf,
  boolean,
  number,
  oneOf,
  type OptionKinds,
  pairOf,
  schedule,
} from "./option_shape.ts";
import type { GradientOptions } from "./parameter_groups.ts";
import type { Schedule } from "./schedule.ts";
import {
  parseShared,
  type SharedHyperparameters,
  sharedKinds,
  type SharedOptions,
} from "./shared_options.ts";

/**
 * Options of {@linkcode AdamW} for a parameter.
 *
 * @category Optimizers
 */
export interface AdamWOptions extends SharedOptions {
  /** Step size, or a function from the step (1, 2, ...) to it. Default 1e-3. */
  lr?: number | Schedule;
  /** Decay of the running averages of gradients and of their squares. Default `[0.9, 0.999]`. */
  betas?: readonly [number, number];
  /**
   * Added to the root of the second moment: a normal f32, 1.2e-38 or more, as with 0 an element whose gradients were all 0 would
   * become 0 / 0. Default 1e-8.
   */
  eps?: number;
  /** Decoupled weight decay, multiplied by `lr`. Default 0.01. */
  weightDecay?: number;
  /** Step uphill. Default false. */
  maximize?: boolean;
  /** How the first moment is stored; it is applied before it is rounded. Default `"f32"`. */
  momentumDtype?: "f32" | "bf16";
}

/** The kinds of AdamW's options. */
export const adamwKinds: OptionKinds<AdamWOptions> = {
  lr: anyOf(number, schedule),
  betas: pairOf(number, number),
  eps: number,
  weightDecay: number,
  maximize: boolean,
  momentumDtype: oneOf("f32", "bf16"),
  ...sharedKinds,
};

/**
 * Options of AdamW as a whole, and of every parameter whose group does not say otherwise.
 *
 * @category Optimizers
 */
export interface AdamWOptimizerOptions extends AdamWOptions, GradientOptions {}

/**
 * Checked options: every value present.
 *
 * @category Optimizers
 */
export interface AdamWHyperparameters extends SharedHyperparameters {
  /** lr of the step t = 1, 2, ... */
  readonly rate: Schedule;
  /** Decay of the running averages. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Weight decay, to be multiplied by lr. */
  readonly weightDecay: number;
  /** Whether steps go uphill. */
  readonly maximize: boolean;
  /** How the first moment is stored. */
  readonly momentumDtype: "f32" | "bf16";
}

/**
 * Checks options and fills in defaults.
 *
 * @throws {TypeError} if options exclude each other
 * @throws {RangeError} if a number is outside its range
 */
export function parseAdamWOptions(options: AdamWOptions): AdamWHyperparameters {
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01 } = options;
  const { maximize = false, momentumDtype = "f32" } = options;
  if (typeof lr === "number") requireWithin("lr", lr, { least: 0 });
  for (const [which, beta] of betas.entries()) {
    requireWithin(`betas[${which}]`, beta, { least: 0, below: 1 });
  }
  requireWithin("eps", eps, { least: LEAST_EPS });
  requireWithin("weightDecay", weightDecay, { least: 0 });
  const rate = scheduleOf(lr);
  return { ...parseShared(options), rate, betas, eps, weightDecay, maximize, momentumDtype };
}

/** The smallest normal f32, 2^-126, with a little to spare: devices may take smaller numbers for 0. */
const LEAST_EPS = 1.2e-38;
