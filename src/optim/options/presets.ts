// Options that reproduce well-known implementations of Adafactor. Spread one and override what you like:
//
//   new Adafactor(parameters, { ...presets.torch, lr: 3e-3, weightDecay: 0.01 })
//
// They differ in: how eps1 is applied, clipping, which dims are factored, what the step size and weight decay are
// multiplied by, and where momentum is taken. Each was read from, and tested against, the version named.

import type { AdafactorOptions } from "./hyperparameters.ts";

/** Shazeer & Stern 2018, algorithms 4 to 6: these are the defaults. */
const paper = {
  eps: [1e-30, 1e-3],
  epsMode: "inside",
  clipThreshold: 1,
  decayRate: -0.8,
  scaleParameter: true,
  factoring: "lastTwo",
} as const satisfies AdafactorOptions;

/**
 * Options by name that reproduce the defaults of other implementations.
 *
 * @example
 * ```ts
 * import { Adafactor, Parameter, presets, requestDevice } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice();
 * using weight = new Parameter(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using optim = new Adafactor([weight], { ...presets.torch, lr: 3e-3, weightDecay: 0.01 });
 * ```
 *
 * @category Optimizers
 */
export const presets = {
  /** Shazeer & Stern 2018, algorithms 4 to 6. */
  paper,
  /** `transformers.Adafactor` 5.18: weight decay times the whole step size, momentum of steps. Give `lr`, or none. */
  huggingFace: { ...paper, momentumOf: "step", weightDecayBy: "step" },
  /**
   * `torch.optim.Adafactor` 2.13: eps1 is f32's epsilon and clamps, `lr` caps the relative step, weight decay times `lr`.
   * Rows without gradients do not change; torch with a tiny eps1 gives NaN there.
   */
  torch: {
    ...paper,
    lr: 1e-2,
    eps: [2 ** -23, 1e-3],
    epsMode: "clamp",
    relativeStep: "capped",
    weightDecayBy: "lr",
  },
  /** `optax.adafactor` 0.2.8: two largest dims from 128 on, absolute weight decay, momentum of steps. Needs `lr`. */
  optax: {
    ...paper,
    relativeStep: false,
    factoring: { largestTwo: 128 },
    momentumOf: "step",
    weightDecayBy: "absolute",
  },
  /**
   * `t5x.adafactor.Adafactor`: as optax, but each layer of a stack by itself; its factor rules are given as
   * `factoring: ["row", "col", ...]`. Needs `lr`.
   */
  t5x: {
    ...paper,
    relativeStep: false,
    factoring: { largestTwo: 128 },
    momentumOf: "step",
    weightDecayBy: "absolute",
  },
  /**
   * big_vision's `scale_by_adafactor` (Zhai et al. 2021): b2 at most 0.999, momentum of updates, no clipping, no scale.
   * Momentum is kept in bf16. Weight decay follows the schedule but not the base rate: give `weightDecayBy` the schedule.
   */
  bigVision: {
    ...paper,
    relativeStep: false,
    clipThreshold: "none",
    beta2Cap: 0.999,
    beta1: 0.9,
    momentumOf: "update",
    momentumDtype: "bf16",
    scaleParameter: false,
    factoring: { largestTwo: 32 },
    weightDecayBy: "absolute",
  },
  /**
   * CAME (Luo et al. 2023), as its authors' `CAME`: constant b2 without correction of the start, momentum of updates scaled
   * by confidence, weight decay times `lr`. Needs `lr`.
   */
  came: {
    ...paper,
    algorithm: "came",
    eps: [1e-30, 1e-16],
    relativeStep: false,
    beta1: 0.9,
    beta2: () => 0.999,
    beta3: 0.9999,
    momentumOf: "update",
    scaleParameter: false,
    weightDecayBy: "lr",
  },
  /** `keras.optimizers.Adafactor`: `lr` caps the relative step, weight decay times `lr` (Keras takes RMS p after it). */
  keras: { ...paper, lr: 1e-3, relativeStep: "capped", weightDecayBy: "lr" },
} as const satisfies Readonly<Record<string, AdafactorOptions>>;
