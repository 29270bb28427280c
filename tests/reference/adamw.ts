// AdamW in float64, for one parameter: the equations of src/optim/rules/adamw_rule.ts as a plain loop.

import type { AdamWHyperparameters } from "../../src/optim/options/adamw_options.ts";

/** Where a trajectory is. */
export interface ReferenceAdamWStep {
  readonly hyper: AdamWHyperparameters;
  /** 1, 2, ... */
  readonly step: number;
  /** What the gradient is multiplied by first. Default 1. */
  readonly gradientScale?: number;
}

/** A parameter with its moments. */
export class ReferenceAdamW {
  readonly parameter: Float64Array;
  readonly firstMoment: Float64Array;
  readonly secondMoment: Float64Array;

  constructor(parameter: ArrayLike<number>) {
    this.parameter = Float64Array.from(parameter);
    this.firstMoment = new Float64Array(parameter.length);
    this.secondMoment = new Float64Array(parameter.length);
  }

  /** One step; each new element goes through `round`, which by default keeps it. */
  step(
    gradient: ArrayLike<number>,
    { hyper, step, gradientScale = 1 }: ReferenceAdamWStep,
    round: (value: number, index: number) => number = (value) => value,
  ): void {
    const { betas: [beta1, beta2], eps, weightDecay, maximize } = hyper;
    const lr = hyper.rate(step);
    for (let k = 0; k < this.parameter.length; k++) {
      const g = gradientScale * gradient[k];
      const m = this.firstMoment[k] = beta1 * this.firstMoment[k] + (1 - beta1) * g;
      const v = this.secondMoment[k] = beta2 * this.secondMoment[k] + (1 - beta2) * g * g;
      const update = m / (1 - beta1 ** step) / (Math.sqrt(v / (1 - beta2 ** step)) + eps);
      const p = this.parameter[k];
      const uphill = maximize ? -1 : 1;
      this.parameter[k] = round(p - lr * weightDecay * p - uphill * lr * update, k);
    }
  }
}
