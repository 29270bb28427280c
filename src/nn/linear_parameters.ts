// The parameters of linear layers, whole or split: made from a stream of random numbers, or cut out of a whole layer.

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import { Layout } from "../distributed/layout.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { Parameter } from "../tensor/parameter.ts";
import { defaultRandom } from "./default_random.ts";
import { uniformValues } from "./initial_values.ts";
import type { RandomSource } from "./philox.ts";
import { requireRandom } from "./parameter_checks.ts";
import { shardOf } from "./shard_of.ts";

/**
 * Sizes and initial values of a linear layer.
 *
 * @category Layers
 */
export interface LinearOptions {
  /** Length of the last dim of the input, at least 1. */
  readonly inFeatures: number;
  /** Length of the last dim of the output, at least 1. */
  readonly outFeatures: number;
  /** Source of the initial values: takes one stream for the weight, one for the bias. Default: that of `manualSeed()`. */
  readonly random?: RandomSource;
  /** Whether to add a bias. Default: true. */
  readonly bias?: boolean;
  /** How parameters are stored. Default: f32. */
  readonly dtype?: FloatType;
  /** How their gradients are stored. Default: as the parameters are. */
  readonly gradientDtype?: FloatType;
}

/** The names of {@linkcode LinearOptions}. */
export const LINEAR_OPTIONS: readonly string[] = [
  "inFeatures",
  "outFeatures",
  "random",
  "bias",
  "dtype",
  "gradientDtype",
];

/** W [O, I] and b [O], or a rank's part of them. */
export interface LinearParameters {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
}

/** The layouts of a parallel layer's W and b; whole by default. */
export interface LinearLayouts {
  readonly weight?: (shape: readonly number[]) => Layout<ProcessGroup>;
  readonly bias?: (shape: readonly number[]) => Layout<ProcessGroup>;
}

/**
 * Initial parameters, uniformly distributed over +-1 / sqrt(I), as PyTorch's are; every rank draws only its own part.
 *
 * @throws {RangeError} if a number of features is not a positive integer, or less than the number of ranks that split it.
 */
export function initialParameters(
  device: Device,
  options: LinearOptions,
  layouts: LinearLayouts = {},
): LinearParameters {
  const { inFeatures, outFeatures, bias: hasBias = true, random = defaultRandom() } = options;
  const { dtype = "f32", gradientDtype = dtype } = options;
  requireRandom("A linear layer", random);
  checkFeatures({ inFeatures, outFeatures });
  const bound = 1 / Math.sqrt(inFeatures);
  const initial = (shape: readonly number[], layoutOf: LinearLayouts["weight"] = whole) => {
    const layout = layoutOf(shape);
    const values = uniformValues(layout, random.stream(), bound);
    return new Parameter(device, values, { layout, dtype, gradientDtype });
  };
  return {
    weight: initial([outFeatures, inFeatures], layouts.weight),
    bias: hasBias ? initial([outFeatures], layouts.bias) : undefined,
  };
}

/**
 * Takes this rank's part of a whole layer's parameters and releases the whole: the whole layer must not be used after.
 *
 * @throws {RangeError} if they are split already, or there are fewer features than ranks.
 * @throws {Error} if they were released, for example as they were taken before.
 */
export function takeShards(
  { weight, bias }: LinearParameters,
  layouts: LinearLayouts,
): LinearParameters {
  weight.checkUsable();
  bias?.checkUsable();
  const shards = {
    weight: shardOf(weight, (layouts.weight ?? whole)(weight.shape)),
    bias: bias === undefined ? undefined : shardOf(bias, (layouts.bias ?? whole)(bias.shape)),
  };
  weight[Symbol.dispose]();
  bias?.[Symbol.dispose]();
  return shards;
}

function whole(shape: readonly number[]): Layout<ProcessGroup> {
  return new Layout(shape);
}

function checkFeatures(features: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(features)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`Wanted ${name} to be an integer from 1, got ${value}`);
    }
  }
}
