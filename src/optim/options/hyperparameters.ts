// Adafactor's options, and the numbers that follow from them; those that depend on the step are in adafactor_schedules.ts.
//
// Names and defaults are those of transformers.Adafactor and colossalai's DistributedAdaFactor; differences of other
// implementations are options (optim/options/presets.ts sets them by name).

import type { Factoring } from "../factoring/dim_roles.ts";
import { decayOf, rateOf, takeOf, type WeightDecayScale } from "./adafactor_schedules.ts";
import { MAX_F32, requireWithin } from "./bounds.ts";
import {
  anyOf,
  boolean,
  listOf,
  number,
  objectOf,
  oneOf,
  type OptionKinds,
  pairOf,
  schedule,
} from "./option_shape.ts";
import type { Schedule } from "./schedule.ts";
import {
  parseShared,
  type SharedHyperparameters,
  sharedKinds,
  type SharedOptions,
} from "./shared_options.ts";

export type { WeightDecayScale } from "./adafactor_schedules.ts";

/**
 * Options of {@linkcode Adafactor}. Everything has the paper's default.
 *
 * @category Optimizers
 */
export interface AdafactorOptions extends SharedOptions {
  /**
   * `"came"` scales momentum by how little updates differ from it (Luo et al. 2023): with m the running average of updates,
   * the factored running average of (u - m)^2 + eps[1] is to m what that of g^2 is to g. Needs `beta1`,
   * `momentumOf: "update"` and `scaleParameter: false`; parameters that are not factored take momentum alone. Where ranks
   * exchange sums it costs a third all-reduce, of row and column sums. Default `"adafactor"`.
   */
  algorithm?: "adafactor" | "came";
  /** Step size, or a function from the step (1, 2, ...) to it. Excludes `relativeStep: true`. */
  lr?: number | Schedule;
  /**
   * eps1, which keeps squared gradients from 0, and the floor of a parameter's RMS, or with CAME what keeps squared
   * differences from 0. Default `[1e-30, 1e-3]`.
   */
  eps?: readonly [number, number];
  /**
   * How eps1 is applied. `"inside"` (default): added to every squared gradient. `"clamp"`, as torch does: mean R is at
   * least eps1, and the second moment at least eps1^2.
   */
  epsMode?: "inside" | "clamp";
  /** An update whose RMS is larger is scaled down to it; `"none"` for never. Default 1. */
  clipThreshold?: number | "none";
  /** Exponent of the second moment's decay, below 0. Default -0.8. */
  decayRate?: number;
  /** Steps by which the decay's t is delayed, for fine-tuning; until then t is 1. Default 0. */
  decayOffset?: number;
  /** b2 is at most this. Default 1. */
  beta2Cap?: number;
  /** b2 of each step, instead of `decayRate`, `decayOffset` and `beta2Cap`; averages start biased unless the first is 0. */
  beta2?: Schedule;
  /** CAME's decay of squared differences. Default 0.9999. */
  beta3?: number;
  /** Decay of the running average of updates (momentum); default none. */
  beta1?: number;
  /**
   * What the average is of. `"step"` (default): the update times its step size, as transformers, optax and T5X do.
   * `"update"`: the update before its step size, as big_vision and CAME do, so that a step size acts at once.
   */
  momentumOf?: "step" | "update";
  /** How the average is stored; it is applied before it is rounded. Default `"f32"`. */
  momentumDtype?: "f32" | "bf16";
  /** Decoupled weight decay. Default 0. */
  weightDecay?: number;
  /** What weight decay is multiplied by. Default `"step"`. */
  weightDecayBy?: WeightDecayScale;
  /** Multiply the step size by the parameter's RMS. Default true. */
  scaleParameter?: boolean;
  /** Upper bound of the parameter's RMS in the step size. Default: none. */
  scaleCeiling?: number;
  /** Step size `min(1e-2, 1 / sqrt t)`, or with `"capped"` `min(lr, 1 / sqrt t)`. Default: true unless `lr` is given. */
  relativeStep?: boolean | "capped";
  /** Let the relative step grow from 1e-6 t. Default false. */
  warmupInit?: boolean;
  /**
   * Apply momentum only to elements where it has the sign of the present update, scaled up by the inverse of their share
   * (Liang et al. 2024, as timm does). Needs `beta1`; costs one more pass over memory and, where ranks exchange sums, a third
   * all-reduce of one number per parameter. Default false.
   */
  cautious?: boolean;
  /** Step uphill. Default false. */
  maximize?: boolean;
  /** Which dims of a parameter share statistics. Default `"lastTwo"`. */
  factoring?: Factoring;
  /**
   * Clip and scale every matrix of a parameter by itself instead of all of them together, as T5X does with stacked layers and
   * experts: each has an RMS of its own. The gates and ups of experts, one parameter here, are matrices of their own. Default false.
   */
  perMatrix?: boolean;
}

/** The kinds of Adafactor's options. */
export const adafactorKinds: OptionKinds<AdafactorOptions> = {
  lr: anyOf(number, schedule),
  algorithm: oneOf("adafactor", "came"),
  eps: pairOf(number, number),
  epsMode: oneOf("inside", "clamp"),
  clipThreshold: anyOf(number, oneOf("none")),
  decayRate: number,
  decayOffset: number,
  beta2Cap: number,
  beta2: schedule,
  beta1: number,
  beta3: number,
  momentumOf: oneOf("step", "update"),
  momentumDtype: oneOf("f32", "bf16"),
  weightDecay: number,
  weightDecayBy: anyOf(
    oneOf("step", "lr", "absolute"),
    objectOf({ lrPower: number }),
    objectOf({ lrSquaredOver: number }),
    schedule,
  ),
  scaleParameter: boolean,
  scaleCeiling: number,
  relativeStep: anyOf(boolean, oneOf("capped")),
  warmupInit: boolean,
  cautious: boolean,
  maximize: boolean,
  factoring: anyOf(
    oneOf("lastTwo", "none"),
    objectOf({ largestTwo: number }),
    listOf(oneOf("row", "col", "batch")),
  ),
  perMatrix: boolean,
  ...sharedKinds,
};

/**
 * Checked options: every value present, schedules as functions of the step t = 1, 2, ...
 *
 * @category Optimizers
 */
export interface Hyperparameters extends SharedHyperparameters {
  /** rho_t */
  readonly rate: Schedule;
  /** 1 - b2_t, the weight of the new squares in their running average. */
  readonly take: Schedule;
  /** Weight decay that is to be multiplied by the step size, and that which is not. */
  readonly decay: (step: number) => { readonly timesStep: number; readonly absolute: number };
  /** Added to squared gradients. */
  readonly eps1: number;
  /** Lower bound of mean R. */
  readonly meanFloor: number;
  /** Upper bound of the inverse root of the second moment. */
  readonly factorCap: number;
  /** Lower bound of the parameter's RMS. */
  readonly scaleFloor: number;
  /** Upper bound of the parameter's RMS. */
  readonly scaleCeiling: number;
  /** An update whose RMS is larger is scaled down to it. */
  readonly clipThreshold: number;
  /** Decay of the momentum; undefined for none. */
  readonly beta1: number | undefined;
  /** The quantity that momentum averages. */
  readonly momentumOf: "step" | "update";
  /** CAME's: the weight of new squared differences in their running average, and what is added to them. */
  readonly confidence: { readonly take: number; readonly eps: number } | undefined;
  /** How it is stored. */
  readonly momentumDtype: "f32" | "bf16";
  /** Whether every matrix of the batch is clipped and scaled by itself. */
  readonly perMatrix: boolean;
  /** Whether the step size is multiplied by the parameter's RMS. */
  readonly scaleParameter: boolean;
  /** Whether momentum counts only where it has the update's sign. */
  readonly cautious: boolean;
  /** Whether steps go uphill. */
  readonly maximize: boolean;
  /** Which dims share statistics. */
  readonly factoring: Factoring;
}

/**
 * Checks options and fills in defaults.
 *
 * @throws {TypeError} if options exclude each other
 * @throws {RangeError} if a number is outside its range
 */
export function parseHyperparameters(options: AdafactorOptions): Hyperparameters {
  const {
    eps: [eps1, eps2] = [1e-30, 1e-3],
    epsMode = "inside",
    clipThreshold = 1,
    beta1,
    momentumOf = "step",
    momentumDtype = "f32",
    perMatrix = false,
    scaleParameter = true,
    scaleCeiling = MAX_F32,
    cautious = false,
    maximize = false,
    factoring = "lastTwo",
  } = options;
  requireWithin("eps[0]", eps1, { least: 0 });
  requireWithin("eps[1]", eps2, { least: 0 });
  requireWithin("scaleCeiling", scaleCeiling, { least: eps2 });
  if (clipThreshold !== "none") requireWithin("clipThreshold", clipThreshold, { above: 0 });
  if (beta1 !== undefined) requireWithin("beta1", beta1, { least: 0, below: 1 });
  const shared = parseShared(options);
  if (cautious && beta1 === undefined) {
    throw new TypeError("Cannot be cautious without momentum: give beta1, or leave cautious out");
  }
  const clamps = epsMode === "clamp";
  return {
    ...shared,
    rate: rateOf(options),
    take: takeOf(options),
    decay: decayOf(options),
    eps1: clamps ? 0 : eps1,
    meanFloor: clamps ? eps1 : 0,
    factorCap: clamps ? Math.min(1 / eps1, MAX_FACTOR) : MAX_FACTOR,
    scaleFloor: eps2,
    scaleCeiling,
    clipThreshold: clipThreshold === "none" ? MAX_F32 : clipThreshold,
    beta1,
    momentumOf,
    confidence: confidenceOf(options),
    momentumDtype,
    perMatrix,
    scaleParameter,
    cautious,
    maximize,
    factoring,
  };
}

function confidenceOf(
  { algorithm, beta1, beta3 = 0.9999, momentumOf, scaleParameter, cautious, eps }: AdafactorOptions,
): Hyperparameters["confidence"] {
  requireWithin("beta3", beta3, { least: 0, below: 1 });
  if (algorithm !== "came") return undefined;
  if (beta1 === undefined || momentumOf !== "update" || scaleParameter !== false || cautious) {
    throw new TypeError(
      'Cannot step by CAME without beta1, momentumOf: "update" and scaleParameter: false, or cautiously: ' +
        "begin with presets.came",
    );
  }
  return { take: 1 - beta3, eps: eps?.[1] ?? 1e-16 };
}

/** Upper bound of the kernel's factors. */
const MAX_FACTOR = 2 ** 126;
