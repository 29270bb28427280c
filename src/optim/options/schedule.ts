// Step sizes as functions of the step t = 1, 2, ..., each with a warm-up that grows linearly to the first full step:
//
//   warm-up            t <= w:  peak t / w
//   constant           peak
//   linear             peak + (end - peak) x                    x = (t - w) / (steps - w), held to 0 .. 1
//   cosine             end + (peak - end) (1 + cos(pi x)) / 2   (Loshchilov & Hutter 2017)
//   inverseSquareRoot  peak sqrt(max(w, 1) / t)                 (Vaswani et al. 2017: meets the warm-up at t = w)
//
// Any other function of the step serves as well.

import { checkOptions, requireObject } from "../../tensor/option_names.ts";

/**
 * A number for every step t = 1, 2, ...; the same step must always get the same number.
 *
 * @category Optimizers
 */
export type Schedule = (step: number) => number;

/**
 * Options of every schedule.
 *
 * @category Optimizers
 */
export interface WarmupOptions {
  /** Steps in which the value grows linearly to its peak. Default 0. */
  readonly warmup?: number;
}

/**
 * Options of schedules that end.
 *
 * @category Optimizers
 */
export interface DecayOptions extends WarmupOptions {
  /** The step at which `end` is reached; it stays there. */
  readonly steps: number;
  /** The last value. Default 0. */
  readonly end?: number;
}

/**
 * Always `peak`, after the warm-up.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { constantSchedule } from "@meshfactor/adafactor";
 *
 * const lr = constantSchedule(1e-3, { warmup: 10 });
 * assert.deepEqual([lr(5), lr(10), lr(1000)], [5e-4, 1e-3, 1e-3]);
 * ```
 *
 * @throws {RangeError} if a number is negative or not finite
 * @category Optimizers
 */
export function constantSchedule(peak: number, options: WarmupOptions = {}): Schedule {
  requireObject("constantSchedule()", options, "warmup");
  const { warmup = 0 } = options;
  return warmed(peak, warmup, () => peak);
}

/**
 * From `peak` to `end` in a straight line.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { linearSchedule } from "@meshfactor/adafactor";
 *
 * const lr = linearSchedule(1, { steps: 100 });
 * assert.deepEqual([lr(50), lr(100), lr(200)], [0.5, 0, 0]);
 * ```
 *
 * @throws {RangeError} if a number is negative or not finite, or the warm-up too long
 * @category Optimizers
 */
export function linearSchedule(peak: number, options: DecayOptions): Schedule {
  checkOptions("linearSchedule()", options, ["steps", "end", "warmup"]);
  const { steps, end = 0, warmup = 0 } = options;
  return decaying(peak, { steps, end, warmup }, (x) => peak + (end - peak) * x);
}

/**
 * From `peak` to `end` along half a cosine.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { cosineSchedule } from "@meshfactor/adafactor";
 *
 * const lr = cosineSchedule(1, { steps: 110, warmup: 10, end: 0.1 });
 * assert.equal(lr(10), 1);
 * assert.equal(lr(110), 0.1);
 * ```
 *
 * @throws {RangeError} as {@linkcode linearSchedule}
 * @category Optimizers
 */
export function cosineSchedule(peak: number, options: DecayOptions): Schedule {
  checkOptions("cosineSchedule()", options, ["steps", "end", "warmup"]);
  const { steps, end = 0, warmup = 0 } = options;
  return decaying(
    peak,
    { steps, end, warmup },
    (x) => end + (peak - end) * (1 + Math.cos(Math.PI * x)) / 2,
  );
}

/**
 * `peak` sqrt(warmup / step): `peak` where the warm-up ends.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { inverseSquareRootSchedule } from "@meshfactor/adafactor";
 *
 * const lr = inverseSquareRootSchedule(1, { warmup: 100 });
 * assert.deepEqual([lr(50), lr(100), lr(400)], [0.5, 1, 0.5]);
 * ```
 *
 * @throws {RangeError} if a number is negative or not finite
 * @category Optimizers
 */
export function inverseSquareRootSchedule(peak: number, options: WarmupOptions = {}): Schedule {
  requireObject("inverseSquareRootSchedule()", options, "warmup");
  const { warmup = 0 } = options;
  return warmed(peak, warmup, (step) => peak * Math.sqrt(Math.max(warmup, 1) / step));
}

function decaying(
  peak: number,
  { steps, end, warmup }: Required<DecayOptions>,
  valueAt: (progress: number) => number,
): Schedule {
  atLeastZero("end", end);
  if (!(steps > warmup)) {
    throw new RangeError(`steps must be above warmup: current values are ${steps} and ${warmup}`);
  }
  return warmed(
    peak,
    warmup,
    (step) => valueAt(Math.min((step - warmup) / (steps - warmup), 1)),
  );
}

function warmed(peak: number, warmup: number, after: Schedule): Schedule {
  atLeastZero("the peak", peak);
  atLeastZero("warmup", warmup);
  return (step) => step <= warmup ? peak * step / warmup : after(step);
}

function atLeastZero(name: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value))) {
    throw new RangeError(`${name} must be >= 0: current value is ${value}`);
  }
}
