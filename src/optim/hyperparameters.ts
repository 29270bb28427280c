// The numbers that steer Adafactor, and the two schedules that depend on the step t = 1, 2, ...:
//
//   rho_t = relativeStep ? min(warmupInit ? 1e-6 t : 1e-2, 1 / sqrt t) : lr          (Shazeer & Stern 2018, alg. 4-6)
//   b2_t  = 1 - t^decayRate
//
// Names and defaults are those of the original, transformers.Adafactor and colossalai's DistributedAdaFactor alike.

/** Options of {@linkcode Adafactor}. Everything has the paper's default. */
export interface AdafactorOptions {
  /** Step size, or a function from the step (1, 2, ...) to it. Excludes `relativeStep`. */
  lr?: number | ((step: number) => number);
  /** Added to squared gradients, and the floor of a parameter's RMS. Default `[1e-30, 1e-3]`. */
  eps?: readonly [number, number];
  /** An update whose RMS is larger is scaled down to it. Default 1. */
  clipThreshold?: number;
  /** Exponent of the second moment's decay, below 0. Default -0.8. */
  decayRate?: number;
  /** Decay of the running average of updates (momentum); default none. */
  beta1?: number;
  /** Decoupled weight decay, multiplied by the step size. Default 0. */
  weightDecay?: number;
  /** Multiply the step size by the parameter's RMS. Default true. */
  scaleParameter?: boolean;
  /** Use the step size `min(1e-2, 1 / sqrt t)`. Default: true unless `lr` is given. */
  relativeStep?: boolean;
  /** Let the relative step grow from 1e-6 t. Default false. */
  warmupInit?: boolean;
  /** What `step()` does with a parameter that has no gradient. Default `"error"`. */
  missingGradients?: "error" | "skip";
}

/** Checked options: every value present, schedules as functions of the step t = 1, 2, ... */
export interface Hyperparameters {
  /** rho_t */
  readonly rate: (step: number) => number;
  /** 1 - b2_t, the weight of the new squares in their running average. */
  readonly take: (step: number) => number;
  readonly eps1: number;
  readonly scaleFloor: number;
  readonly clipThreshold: number;
  readonly beta1: number | undefined;
  readonly weightDecay: number;
  readonly scaleParameter: boolean;
  readonly missingGradients: "error" | "skip";
}

/**
 * Checks options and fills in defaults.
 *
 * @throws {TypeError} if options exclude each other
 * @throws {RangeError} if a number is outside its range
 */
export function parseHyperparameters(options: AdafactorOptions): Hyperparameters {
  const {
    lr,
    eps = [1e-30, 1e-3],
    clipThreshold = 1,
    decayRate = -0.8,
    beta1,
    weightDecay = 0,
    scaleParameter = true,
    relativeStep = lr === undefined,
    warmupInit = false,
    missingGradients = "error",
  } = options;

  if (relativeStep && lr !== undefined) {
    throw new TypeError("Cannot combine lr with relativeStep: leave one of them out");
  }
  if (!relativeStep && lr === undefined) {
    throw new TypeError("Cannot step without a step size: give lr, or relativeStep: true");
  }
  if (warmupInit && !relativeStep) {
    throw new TypeError(
      "Cannot use warmupInit without relativeStep: it warms up the relative step",
    );
  }
  if (typeof lr === "number") within("lr", lr, { least: 0 });
  within("eps[0]", eps[0], { least: 0 });
  within("eps[1]", eps[1], { least: 0 });
  within("clipThreshold", clipThreshold, { above: 0 });
  within("decayRate", decayRate, { below: 0 });
  within("weightDecay", weightDecay, { least: 0 });
  if (beta1 !== undefined) within("beta1", beta1, { least: 0, below: 1 });

  return {
    rate: relativeStep
      ? (step) => Math.min(warmupInit ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step))
      : (typeof lr === "function" ? lr : () => lr as number),
    take: (step) => step ** decayRate,
    eps1: eps[0],
    scaleFloor: eps[1],
    clipThreshold,
    beta1,
    weightDecay,
    scaleParameter,
    missingGradients,
  };
}

interface Bounds {
  least?: number;
  above?: number;
  below?: number;
}

function within(name: string, value: number, { least, above, below }: Bounds): void {
  const wanted = [
    least === undefined ? "" : `>= ${least}`,
    above === undefined ? "" : `> ${above}`,
    below === undefined ? "" : `< ${below}`,
  ].filter((bound) => bound !== "").join(" and ");
  const ok = Number.isFinite(value) && (least === undefined || value >= least) &&
    (above === undefined || value > above) && (below === undefined || value < below);
  if (!ok) throw new RangeError(`${name} must be ${wanted}: current value is ${value}`);
}
