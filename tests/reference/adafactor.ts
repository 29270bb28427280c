// Adafactor in float64, for one parameter: the equations of src/optim/adafactor.ts and its options as plain loops.

import type { Hyperparameters } from "../../src/optim/options/hyperparameters.ts";

/** A step of a trajectory. */
export interface ReferenceStep {
  readonly hyper: Hyperparameters;
  /** 1, 2, ... */
  readonly step: number;
  /** A factor of the gradient. Default 1. */
  readonly gradientScale?: number;
}

/** A parameter [batch, rows, cols] with its running averages. */
export class ReferenceAdafactor {
  readonly parameter: Float64Array;
  readonly #batch: number;
  readonly #rows: number;
  readonly #cols: number;
  readonly #isFactored: boolean;
  readonly #rowMeans: Float64Array;
  readonly #colMeans: Float64Array;
  readonly #momentum: Float64Array;
  /** CAME's averages of squared differences, as those of squares. */
  readonly #confidentRows: Float64Array;
  readonly #confidentCols: Float64Array;

  /** Factors the last two dims by default. */
  constructor(
    parameter: ArrayLike<number>,
    { shape, isFactored = shape.length >= 2 }: {
      readonly shape: readonly number[];
      readonly isFactored?: boolean;
    },
  ) {
    this.parameter = Float64Array.from(parameter);
    this.#isFactored = isFactored;
    [this.#rows, this.#cols] = isFactored ? shape.slice(-2) : [1, this.parameter.length];
    this.#batch = this.parameter.length / (this.#rows * this.#cols);
    this.#rowMeans = new Float64Array(this.#batch * this.#rows);
    this.#colMeans = new Float64Array(this.#batch * this.#cols);
    this.#momentum = new Float64Array(this.parameter.length);
    this.#confidentRows = new Float64Array(this.#rowMeans.length);
    this.#confidentCols = new Float64Array(this.#colMeans.length);
  }

  /** One step. */
  step(given: ArrayLike<number>, { hyper, step, gradientScale = 1 }: ReferenceStep): void {
    const sign = hyper.maximize ? -1 : 1;
    const gradient = Float64Array.from(given, (g) => sign * gradientScale * g);
    const means = { rows: this.#rowMeans, cols: this.#colMeans };
    const update = this.#precondition(gradient, hyper, { take: hyper.take(step), means });
    const clip = Math.max(1, rms(update) / hyper.clipThreshold);
    const scale = Math.min(Math.max(hyper.scaleFloor, rms(this.parameter)), hyper.scaleCeiling);
    const size = hyper.rate(step) * (hyper.scaleParameter ? scale : 1);
    const { timesStep, absolute } = hyper.decay(step);
    const [before, after] = hyper.momentumOf === "update" ? [1, size] : [size, 1];
    const change = update.map((u) => before * u / clip);
    if (hyper.beta1 !== undefined) this.#smooth(change, { ...hyper, beta1: hyper.beta1 });
    if (hyper.confidence !== undefined && this.#isFactored) {
      // (Luo et al. 2023, algorithm 2), with eps added to squared differences as the authors' code has it
      const { eps, take } = hyper.confidence;
      const means = { rows: this.#confidentRows, cols: this.#confidentCols };
      const squares = update.map((u, k) => (u / clip - this.#momentum[k]) ** 2);
      const options = { ...hyper, eps1: eps, meanFloor: 0, factorCap: Infinity };
      change.set(this.#precondition(change, options, { take, means, squares }));
    }
    for (let k = 0; k < update.length; k++) {
      this.parameter[k] -= (size * timesStep + absolute) * this.parameter[k] + after * change[k];
    }
  }

  /** Replaces changes by their running average; if cautious, only where both have the same sign. */
  #smooth(
    change: Float64Array,
    { beta1, cautious }: { readonly beta1: number; readonly cautious: boolean },
  ): void {
    change.forEach((each, k) => this.#average(this.#momentum, k, each, 1 - beta1));
    const aligned = change.map((each, k) => !cautious || each * this.#momentum[k] > 0 ? 1 : 0);
    const share = aligned.reduce((sum, each) => sum + each, 0) / change.length;
    const scale = cautious ? 1 / Math.max(share, 1e-3) : 1;
    change.set(aligned.map((each, k) => each * scale * this.#momentum[k]));
  }

  /** `values` divided by the root of the running averages of their squares, or of `squares`. */
  #precondition(
    gradient: Float64Array,
    hyper: Hyperparameters,
    { take, means, squares = gradient.map((g) => g ** 2) }: {
      readonly take: number;
      readonly means: { readonly rows: Float64Array; readonly cols: Float64Array };
      readonly squares?: Float64Array;
    },
  ): Float64Array {
    const [batch, rows, cols] = [this.#batch, this.#rows, this.#cols];
    const at = (b: number, i: number, j: number) => (b * rows + i) * cols + j;
    const update = new Float64Array(gradient.length);
    for (let b = 0; b < batch; b++) {
      const square = (i: number, j: number) => squares[at(b, i, j)] + hyper.eps1;
      for (let i = 0; i < rows; i++) {
        let sum = 0;
        for (let j = 0; j < cols; j++) sum += square(i, j);
        this.#average(means.rows, b * rows + i, sum / cols, take);
      }
      for (let j = 0; j < cols; j++) {
        let sum = 0;
        for (let i = 0; i < rows; i++) sum += square(i, j);
        this.#average(means.cols, b * cols + j, sum / rows, take);
      }
      let mean = 0;
      for (let i = 0; i < rows; i++) mean += means.rows[b * rows + i] / rows;
      if (this.#isFactored) mean = Math.max(mean, hyper.meanFloor);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < cols; j++) {
          const moment = means.rows[b * rows + i] / mean * means.cols[b * cols + j];
          const factor = Math.min(1 / Math.sqrt(moment), hyper.factorCap);
          update[at(b, i, j)] = gradient[at(b, i, j)] * factor;
        }
      }
    }
    return update;
  }

  #average(means: Float64Array, index: number, value: number, take: number): void {
    means[index] += take * (value - means[index]);
  }
}

function rms(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}
