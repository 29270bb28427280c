// The source of a new model's parameters: random numbers, or a checkpoint. A model requests each parameter by its path and shape, so
// its constructor is written once for both.

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import { Layout } from "../distributed/layout.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { Parameter } from "../tensor/parameter.ts";
import { elementCount } from "../tensor/shape.ts";
import { normalValues } from "./initial_values.ts";
import type { RandomSource } from "./philox.ts";

/**
 * Initial values of a parameter: all equal, normally distributed around 0 with a standard deviation, or given.
 *
 * @category Layers
 */
export type InitialValues =
  | { readonly every: number }
  | { readonly deviation: number }
  | { readonly values: Float32Array };

/**
 * The properties of a parameter that a model requests.
 *
 * @category Layers
 */
export interface WantedParameter {
  /** Shape of the whole parameter. */
  readonly shape: readonly number[];
  /** The same with each matrix by itself, where several are one in `shape`: see `LayoutOptions`. Default: none are. */
  readonly matrixShape?: readonly number[];
  /** Its values in a model that is not loaded from a checkpoint. */
  readonly initial: InitialValues;
  /** The type that it is stored in, whatever type is requested for the model. Default: that of the model. */
  readonly dtype?: FloatType | undefined;
  /** Whether it is a buffer, which is never trained. Default: false. */
  readonly isBuffer?: boolean;
}

/**
 * Provides a model's parameters, which the model then owns.
 *
 * @category Layers
 */
export interface ParameterSource {
  /** The device that the parameters are on. */
  readonly device: Device;
  /** The parameter at `path`, such as `blocks.0.mlp.up.weight`. @throws {Error} if there is none of that shape. */
  parameter(path: string, wanted: WantedParameter): Parameter;
  /** Counts the places of dropout, for a model that is a part of another. Default: a model counts its own. */
  readonly sites?: { count: number };
}

/** The source of the model in the field `name` of another one; the parts of a model count places of dropout together. */
export function partOf(source: ParameterSource, { name, sites }: {
  readonly name: string;
  readonly sites: { count: number };
}): ParameterSource {
  return {
    device: source.device,
    sites,
    parameter: (path, wanted) => source.parameter(`${name}.${path}`, wanted),
  };
}

/**
 * Options of {@linkcode InitialParameters}.
 *
 * @category Layers
 */
export interface InitialParametersOptions {
  /** Source of the initial values: takes one stream for each parameter, in the order of requests. */
  readonly random: RandomSource;
  /** How parameters are stored. Default: f32. */
  readonly dtype?: FloatType;
  /** How their gradients are stored. Default: as the parameters are. */
  readonly gradientDtype?: FloatType;
}

/** A source of parameters with random initial values. */
export class InitialParameters implements ParameterSource {
  readonly device: Device;
  readonly #options: InitialParametersOptions;

  /** A source of parameters on `device`; the same seed gives the same values. */
  constructor(device: Device, options: InitialParametersOptions) {
    this.device = device;
    this.#options = options;
  }

  parameter(name: string, { shape, matrixShape, initial, ...wanted }: WantedParameter): Parameter {
    const { random, dtype: usual = "f32", gradientDtype = usual } = this.#options;
    const { dtype = usual, isBuffer = false } = wanted;
    const values = initialValues(shape, initial, random);
    const layout = new Layout<ProcessGroup>(shape, [], { matrixShape });
    return new Parameter(this.device, values, { layout, name, dtype, gradientDtype, isBuffer });
  }
}

function initialValues(
  shape: readonly number[],
  initial: InitialValues,
  random: RandomSource,
): Float32Array {
  if ("values" in initial) return initial.values;
  if ("every" in initial) return new Float32Array(elementCount(shape)).fill(initial.every);
  return normalValues(new Layout<never>(shape), random.stream())
    .map((value) => initial.deviation * value);
}
