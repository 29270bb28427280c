// Convolution of sequences: that of images of one row.

import { formatShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { conv2d, CONVOLUTION, convTranspose2d } from "./conv2d.ts";
import type { Pair } from "./convolution.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { checkFloats } from "./operands.ts";
import { reshape } from "./reshape.ts";

/**
 * Options of {@linkcode conv1d}.
 *
 * @category Ops
 */
export interface Conv1dOptions {
  /** [O]. Default: there is none. */
  readonly bias?: FloatTensor | undefined;
  /** Distance of the places where the kernel is laid, from 1. Default: 1. */
  readonly stride?: number;
  /** Zeros on each side of a sequence. Default: 0. */
  readonly padding?: number;
  /** Distance of the kernel's elements, from 1. Default: 1. */
  readonly dilation?: number;
  /** Parts of the channels that do not see each other. Default: 1. */
  readonly groups?: number;
}

/**
 * Options of {@linkcode convTranspose1d}: those of the convolution that it turns around.
 *
 * @category Ops
 */
export interface ConvTranspose1dOptions extends Conv1dOptions {
  /** How much is added at the end; less than stride or dilation. Default: 0. */
  readonly outputPadding?: number;
}

/**
 * Convolution of sequences `x` [B, C, T] with `weight` [O, C / groups, k]: [B, O, t] with
 * t = floor((T + 2 padding - dilation (k - 1) - 1) / stride) + 1.
 *
 * @throws {RangeError} if the shapes or options do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { conv1d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 1, 4] });
 * using weight = Tensor.from(device, [1, 10], { shape: [1, 1, 2] });
 * using y = conv1d(x, weight);
 * console.log(await y.data()); // 21, 32, 43
 * ```
 *
 * @category Ops
 */
export function conv1d(x: FloatTensor, weight: FloatTensor, options: Conv1dOptions = {}): Tensor {
  checkOptions("conv1d()", options, CONVOLUTION);
  checkFloats("conv1d", { x, weight });
  const y = conv2d(oneRow("conv1d", x), oneRow("conv1d", weight), ofOneRow(options));
  return reshape(y, y.shape.toSpliced(2, 1));
}

/**
 * Transposed convolution of sequences `x` [B, I, t] with `weight` [I, O / groups, k]: [B, O, T] with
 * T = (t - 1) stride - 2 padding + dilation (k - 1) + outputPadding + 1.
 *
 * @throws {RangeError} if the shapes or options do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { convTranspose1d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2], { shape: [1, 1, 2] });
 * using weight = Tensor.from(device, [1, 10], { shape: [1, 1, 2] });
 * using y = convTranspose1d(x, weight);
 * console.log(await y.data()); // 1, 12, 20
 * ```
 *
 * @category Ops
 */
export function convTranspose1d(
  x: FloatTensor,
  weight: FloatTensor,
  options: ConvTranspose1dOptions = {},
): Tensor {
  checkOptions("convTranspose1d()", options, [...CONVOLUTION, "outputPadding"]);
  checkFloats("convTranspose1d", { x, weight });
  const y = convTranspose2d(oneRow("convTranspose1d", x), oneRow("convTranspose1d", weight), {
    ...ofOneRow(options),
    outputPadding: [0, options.outputPadding ?? 0],
  });
  return reshape(y, y.shape.toSpliced(2, 1));
}

/** [B, C, T] -> [B, C, 1, T] */
function oneRow(op: string, x: FloatTensor): FloatTensor {
  if (x.shape.length !== 3) {
    throw new RangeError(
      `${op}() wants x of [B, C, T] and a weight of three dims, got one of ${formatShape(x.shape)}`,
    );
  }
  return reshape(x, x.shape.toSpliced(2, 0, 1));
}

function ofOneRow({ bias, stride = 1, padding = 0, dilation = 1, groups = 1 }: Conv1dOptions) {
  const across = (least: number, value: number): Pair => [least, value];
  return {
    bias,
    stride: across(1, stride),
    padding: across(0, padding),
    dilation: across(1, dilation),
    groups,
  };
}
