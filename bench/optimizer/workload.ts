// Parameters with gradients, and the optimizer that steps them: the work that every part of the benchmark times.

import {
  Adafactor,
  type AdafactorOptions,
  type Device,
  Layout,
  Parameter,
  type ProcessGroup,
  RandomSource,
  Tensor,
} from "../../mod.ts";
import type { Dtype } from "./options.ts";

/** The work to time. */
export interface WorkloadOptions {
  readonly shapes: readonly (readonly number[])[];
  readonly dtype: Dtype;
  /** By default the paper's. */
  readonly options?: AdafactorOptions;
}

/** Parameters of the given shapes with random values and gradients, and an optimizer of them. */
export class Workload implements Disposable {
  readonly parameters: readonly Parameter[];
  readonly optimizer: Adafactor;

  /** Allocates everything on `device`. */
  constructor(device: Device, { shapes, dtype, options }: WorkloadOptions) {
    this.parameters = shapes.map((shape, index) =>
      randomParameter(device, { layout: new Layout(shape), dtype, index })
    );
    this.optimizer = new Adafactor(this.parameters, options);
  }

  /** Gives back all device memory. */
  [Symbol.dispose](): void {
    this.optimizer[Symbol.dispose]();
    for (const parameter of this.parameters) parameter[Symbol.dispose]();
  }
}

/** This rank's part of a parameter, with a gradient; both are random, and small enough for every format. */
export function randomParameter(
  device: Device,
  { layout, dtype, index, part = 0 }: {
    readonly layout: Layout<ProcessGroup>;
    readonly dtype: Dtype;
    /** Its number: different parameters have different values. */
    readonly index: number;
    /** Which part of a split one this is: different parts have different values. */
    readonly part?: number;
  },
): Parameter {
  const shape = layout.localShape;
  const length = shape.reduce((product, each) => product * each, 1);
  const seed = 2 * (index + PARAMETERS * part);
  const parameter = new Parameter(device, noise(length, seed), {
    layout,
    dtype,
    name: `parameter${index}`,
  });
  parameter.grad = Tensor.from(device, noise(length, seed + 1), { shape, dtype });
  return parameter;
}

/** More than there are parameters. */
const PARAMETERS = 1000;

/** Repeats a period of prime length, as generating a billion normal numbers would take longer than the measurement. */
function noise(length: number, seed: number): Float32Array {
  const stream = new RandomSource(seed).stream();
  const period = Float32Array.from({ length: Math.min(length, PERIOD) }, (_, k) => {
    return 0.02 * stream.normal(k);
  });
  if (length <= PERIOD) return period;
  const values = new Float32Array(length);
  for (let at = 0; at < length; at += PERIOD) {
    values.set(period.subarray(0, Math.min(PERIOD, length - at)), at);
  }
  return values;
}

const PERIOD = 65_537;
