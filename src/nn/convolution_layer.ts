// What layers of convolutions have in common: a weight, a bias, how the kernel is laid (ops/conv2d.ts), and initial values.

import { checkOptions } from "../tensor/option_names.ts";
import type { Device } from "../device/device.ts";
import { Layout } from "../distributed/layout.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { Parameter } from "../tensor/parameter.ts";
import { elementCount } from "../tensor/shape.ts";
import type { FloatTensor } from "../tensor/tensor.ts";
import { defaultRandom } from "./default_random.ts";
import { uniformValues } from "./initial_values.ts";
import { Module } from "./module.ts";
import { requireParameters, requireRandom } from "./parameter_checks.ts";
import type { RandomSource } from "./philox.ts";

/**
 * Sizes and initial values of a layer of a convolution.
 *
 * @category Layers
 */
export interface ConvolutionOptions<Size> {
  /** Channels of the input, at least 1. */
  readonly inChannels: number;
  /** Channels of the output, at least 1. */
  readonly outChannels: number;
  /** Length of the kernel; one number is for height and width. */
  readonly kernelSize: Size;
  /** Parts of the channels that do not see each other. Default: 1. */
  readonly groups?: number;
  /** Source of the initial values: takes one stream for the weight, one for the bias. Default: that of `manualSeed()`. */
  readonly random?: RandomSource;
  /** Whether to add a bias. Default: true. */
  readonly bias?: boolean;
  /** How parameters are stored. Default: f32. */
  readonly dtype?: FloatType;
  /** How their gradients are stored. Default: as the parameters are. */
  readonly gradientDtype?: FloatType;
}

/**
 * Existing parameters of a layer of a convolution.
 *
 * @category Layers
 */
export interface ConvolutionParameters {
  /** [outChannels, inChannels / groups, ...kernel], of a transposed convolution [inChannels, outChannels / groups, ...kernel]. */
  readonly weight: Parameter;
  /** [outChannels]. Default: there is none. */
  readonly bias?: Parameter | undefined;
}

/**
 * A layer of a convolution. `Settings` are the options of its op, but for the bias.
 *
 * @category Layers
 */
export abstract class ConvolutionLayer<Settings> extends Module<FloatTensor> {
  /** [outChannels, inChannels / groups, ...kernel], of a transposed convolution [inChannels, outChannels / groups, ...kernel]. */
  readonly weight: Parameter;
  /** [outChannels], if there is one. */
  readonly bias: Parameter | undefined;
  /** How the kernel is laid over the input. */
  readonly settings: Settings;

  /** A layer of parameters. */
  protected constructor({ weight, bias }: ConvolutionParameters, settings: Settings) {
    super();
    requireParameters(new.target.name, { weight, bias });
    this.weight = weight;
    this.bias = bias;
    this.settings = settings;
  }
}

/** @throws {TypeError} if a layer of class `owner` has no option of a name; `settings` are those of its kind alone. */
export function checkConvolutionOptions(
  owner: string,
  options: object,
  settings: readonly string[] = [],
): void {
  const ofParameters = "weight" in Object(options) ? ["weight", "bias"] : [
    "inChannels",
    "outChannels",
    "kernelSize",
    "random",
    "bias",
    "dtype",
    "gradientDtype",
  ];
  const names = [...ofParameters, "stride", "padding", "dilation", "groups", ...settings];
  checkOptions(owner, options, names);
}

/**
 * Initial parameters, uniformly distributed over +-1 / sqrt(the weight's second dim times the size of the kernel), as PyTorch's are.
 *
 * @throws {RangeError} if a size is no positive integer, or groups do not divide the channels.
 */
export function initialConvolution(
  device: Device,
  options: Omit<ConvolutionOptions<unknown>, "kernelSize">,
  { kernel, firstDim }: {
    /** Length of the kernel in each dim. */
    readonly kernel: readonly number[];
    /** What the weight's first dim counts; the second counts those of a group of the other. */
    readonly firstDim: "inChannels" | "outChannels";
  },
): ConvolutionParameters {
  const { inChannels, outChannels, groups = 1, bias: hasBias = true } = options;
  const { random = defaultRandom(), dtype = "f32", gradientDtype = dtype } = options;
  requireRandom("A convolution", random);
  for (const [name, value] of Object.entries({ inChannels, outChannels, groups })) {
    checkSize(name, value);
    if (value % groups !== 0) {
      throw new RangeError(`Wanted groups to divide ${name} ${value}, got ${groups}`);
    }
  }
  for (const length of kernel) checkSize("kernelSize", length);
  const second = firstDim === "outChannels" ? inChannels : outChannels;
  const shape = [options[firstDim], second / groups, ...kernel];
  const bound = 1 / Math.sqrt(elementCount(shape.slice(1)));
  const initial = (shape: readonly number[]) => {
    const layout = new Layout<never>(shape);
    const values = uniformValues(layout, random.stream(), bound);
    return new Parameter(device, values, { layout, dtype, gradientDtype });
  };
  return { weight: initial(shape), bias: hasBias ? initial([outChannels]) : undefined };
}

function checkSize(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`Wanted ${name} to be an integer from 1, got ${value}`);
  }
}
