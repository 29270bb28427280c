// Adafactor's numbers that depend on the step t = 1, 2, ...:
//
//   rho_t = relativeStep ? min(warmupInit ? 1e-6 t : 1e-2, 1 / sqrt t) : lr          (Shazeer & Stern 2018, alg. 4-6)
//           "capped":      min(lr, 1 / sqrt t)                                       (torch, Keras)
//   b2_t  = min(beta2Cap, 1 - max(1, t - decayOffset)^decayRate), or beta2(t)
//   decay = a weightDecay, or weightDecay times lr, 1, lr^k, lr^2 / max, or any schedule

import { requireWithin, scheduleOf } from "./bounds.ts";
import type { Schedule } from "./schedule.ts";

/**
 * What weight decay is multiplied by: the whole step size rho max(eps2, RMS p), `lr`, nothing, or a function of the step.
 *
 * @category Optimizers
 */
export type WeightDecayScale =
  | "step"
  | "lr"
  | "absolute"
  | { readonly lrPower: number }
  | { readonly lrSquaredOver: number }
  | Schedule;

/** The options that make rho_t. */
export interface RateOptions {
  readonly lr?: number | Schedule;
  readonly relativeStep?: boolean | "capped";
  readonly warmupInit?: boolean;
}

/** rho_t. @throws {TypeError} if options exclude each other */
export function rateOf(
  { lr, relativeStep = lr === undefined, warmupInit = false }: RateOptions,
): Schedule {
  if (relativeStep === true && lr !== undefined) {
    throw new TypeError("Cannot combine lr with relativeStep: leave one of them out");
  }
  if (relativeStep !== true && lr === undefined) {
    throw new TypeError("Cannot step without a step size: give lr, or relativeStep: true");
  }
  if (warmupInit && relativeStep !== true) {
    throw new TypeError(
      "Cannot use warmupInit without relativeStep: it warms up the relative step",
    );
  }
  if (typeof lr === "number") requireWithin("lr", lr, { least: 0 });
  if (relativeStep === true) {
    return (step) => Math.min(warmupInit ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step));
  }
  const given = scheduleOf(lr!);
  return relativeStep === "capped" ? (step) => Math.min(given(step), 1 / Math.sqrt(step)) : given;
}

/** The options that make b2_t. */
export interface SecondMomentOptions {
  readonly beta2?: Schedule;
  readonly decayRate?: number;
  readonly decayOffset?: number;
  readonly beta2Cap?: number;
}

/** 1 - b2_t. @throws {RangeError} if a number is outside its range */
export function takeOf(
  { beta2, decayRate = -0.8, decayOffset = 0, beta2Cap = 1 }: SecondMomentOptions,
): Schedule {
  requireWithin("decayRate", decayRate, { below: 0 });
  requireWithin("decayOffset", decayOffset, { least: 0 });
  requireWithin("beta2Cap", beta2Cap, { above: 0, most: 1 });
  if (beta2 === undefined) {
    return (step) => Math.max(1 - beta2Cap, Math.max(1, step - decayOffset) ** decayRate);
  }
  return (step) => {
    const value = beta2(step);
    requireWithin(`beta2(${step})`, value, { least: 0, most: 1 });
    return 1 - value;
  };
}

/** The options that make the share of a parameter that decays. */
export interface WeightDecayOptions {
  readonly lr?: number | Schedule;
  readonly weightDecay?: number;
  readonly weightDecayBy?: WeightDecayScale;
}

/** Weight decay of a step: that which is to be multiplied by the step size, and that which is not. */
export type WeightDecay = (
  step: number,
) => { readonly timesStep: number; readonly absolute: number };

/** Weight decay of each step. @throws {TypeError} if it needs `lr` and there is none */
export function decayOf(
  { weightDecay = 0, weightDecayBy = "step", lr }: WeightDecayOptions,
): WeightDecay {
  requireWithin("weightDecay", weightDecay, { least: 0 });
  if (weightDecayBy === "step") return () => ({ timesStep: weightDecay, absolute: 0 });
  const absolute = (scale: Schedule): WeightDecay => (step) => ({
    timesStep: 0,
    absolute: weightDecay * scale(step),
  });
  if (weightDecayBy === "absolute") return absolute(() => 1);
  if (typeof weightDecayBy === "function") return absolute(weightDecayBy);
  if (lr === undefined) {
    throw new TypeError(
      `Cannot multiply weightDecay by ${
        JSON.stringify(weightDecayBy)
      } without lr: give lr, or weightDecayBy: "step"`,
    );
  }
  const given = scheduleOf(lr);
  if (weightDecayBy === "lr") return absolute(given);
  if ("lrPower" in weightDecayBy) {
    const { lrPower } = weightDecayBy;
    requireWithin("lrPower", lrPower, { least: 0 });
    return absolute((step) => given(step) ** lrPower);
  }
  const { lrSquaredOver } = weightDecayBy;
  requireWithin("lrSquaredOver", lrSquaredOver, { above: 0 });
  return absolute((step) => given(step) ** 2 / lrSquaredOver);
}
