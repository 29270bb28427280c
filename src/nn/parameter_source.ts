// Where the parameters of a new model come from: random numbers, or a checkpoint. A model asks for each by its path and says
// what it wants, so it is written once for both.

import type { Device } from "../device/device.ts";
import { Layout } from "../distributed/layout.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { Parameter } from "../tensor/parameter.ts";
import { elementCount } from "../tensor/shape.ts";
import { normalValues } from "./initial_values.ts";
import type { RandomSource } from "./philox.ts";

/** Values of a parameter that nobody has trained: all the same, or normal around 0 with a standard deviation. */
export type InitialValues = { readonly every: number } | { readonly deviation: number };

/** What a model wants of a parameter. */
export interface WantedParameter {
  /** Of the whole parameter. */
  readonly shape: readonly number[];
  /** Its values where nobody has trained it. */
  readonly initial: InitialValues;
}

/** Gives a model its parameters; they are the model's from then on. */
export interface ParameterSource {
  /** Where they live. */
  readonly device: Device;
  /** The parameter at `path`, such as `blocks.0.mlp.up.weight`. @throws {Error} if there is none of that shape. */
  parameter(path: string, wanted: WantedParameter): Parameter;
}

/** How {@linkcode InitialParameters} are made. */
export interface InitialParametersOptions {
  /** One stream for each parameter, in the order of asking. */
  readonly random: RandomSource;
  /** How parameters are stored. Default: f32. */
  readonly dtype?: FloatType;
  /** How their gradients are stored. Default: as the parameters are. */
  readonly gradientDtype?: FloatType;
}

/** Parameters that nobody has trained. */
export class InitialParameters implements ParameterSource {
  readonly device: Device;
  readonly #options: InitialParametersOptions;

  /** Parameters on `device`; the same seed gives the same values. */
  constructor(device: Device, options: InitialParametersOptions) {
    this.device = device;
    this.#options = options;
  }

  parameter(name: string, { shape, initial }: WantedParameter): Parameter {
    const { random, dtype = "f32", gradientDtype = dtype } = this.#options;
    const values = "every" in initial
      ? new Float32Array(elementCount(shape)).fill(initial.every)
      : normalValues(new Layout<never>(shape), random.stream())
        .map((value) => initial.deviation * value);
    return new Parameter(this.device, values, { shape, name, dtype, gradientDtype });
  }
}
