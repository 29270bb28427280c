// Adafactor in float64, for one parameter: the equations of src/optim/adafactor.ts as plain loops.

/** Arguments of the reference: every one given, schedules as numbers of this step. */
export interface ReferenceStep {
  readonly rate: number;
  readonly take: number;
  readonly eps1: number;
  readonly scaleFloor: number;
  readonly clipThreshold: number;
  readonly scaleParameter: boolean;
  readonly weightDecay: number;
  readonly beta1: number | undefined;
}

/** A parameter [batch, rows, cols] with its running averages. */
export class ReferenceAdafactor {
  readonly parameter: Float64Array;
  readonly #batch: number;
  readonly #rows: number;
  readonly #cols: number;
  readonly #rowMeans: Float64Array;
  readonly #colMeans: Float64Array;
  readonly #momentum: Float64Array;

  constructor(parameter: ArrayLike<number>, shape: readonly number[]) {
    this.parameter = Float64Array.from(parameter);
    [this.#rows, this.#cols] = shape.length < 2 ? [1, this.parameter.length] : shape.slice(-2);
    this.#batch = this.parameter.length / (this.#rows * this.#cols);
    this.#rowMeans = new Float64Array(this.#batch * this.#rows);
    this.#colMeans = new Float64Array(this.#batch * this.#cols);
    this.#momentum = new Float64Array(this.parameter.length);
  }

  /** One step. */
  step(gradient: ArrayLike<number>, hyper: ReferenceStep): void {
    const [batch, rows, cols] = [this.#batch, this.#rows, this.#cols];
    const at = (b: number, i: number, j: number) => (b * rows + i) * cols + j;
    const update = new Float64Array(this.parameter.length);
    for (let b = 0; b < batch; b++) {
      const square = (i: number, j: number) => gradient[at(b, i, j)] ** 2 + hyper.eps1;
      for (let i = 0; i < rows; i++) {
        let sum = 0;
        for (let j = 0; j < cols; j++) sum += square(i, j);
        this.#average(this.#rowMeans, b * rows + i, sum / cols, hyper.take);
      }
      for (let j = 0; j < cols; j++) {
        let sum = 0;
        for (let i = 0; i < rows; i++) sum += square(i, j);
        this.#average(this.#colMeans, b * cols + j, sum / rows, hyper.take);
      }
      let mean = 0;
      for (let i = 0; i < rows; i++) mean += this.#rowMeans[b * rows + i] / rows;
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < cols; j++) {
          const moment = this.#rowMeans[b * rows + i] / mean * this.#colMeans[b * cols + j];
          update[at(b, i, j)] = gradient[at(b, i, j)] / Math.sqrt(moment);
        }
      }
    }
    const clip = Math.max(1, rms(update) / hyper.clipThreshold);
    const scale = hyper.scaleParameter ? Math.max(hyper.scaleFloor, rms(this.parameter)) : 1;
    const size = hyper.rate * scale;
    for (let k = 0; k < update.length; k++) {
      let change = size * update[k] / clip;
      if (hyper.beta1 !== undefined) {
        this.#average(this.#momentum, k, change, 1 - hyper.beta1);
        change = this.#momentum[k];
      }
      this.parameter[k] -= size * hyper.weightDecay * this.parameter[k] + change;
    }
  }

  #average(means: Float64Array, index: number, value: number, take: number): void {
    means[index] += take * (value - means[index]);
  }
}

function rms(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}
