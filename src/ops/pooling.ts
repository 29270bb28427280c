// The mean, or the largest, of every window of an image: over the first dim of windows [p q, B, C, h, w], which `unfold` gives and whose
// gradient `fold` sums.

import type { KernelParams } from "../device/kernels/registry.ts";
import { formatShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { max } from "./extremes.ts";
import { mean } from "./mean.ts";
import { checkFloats, inF32 } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { pad } from "./pad.ts";
import { reshape } from "./reshape.ts";

/**
 * Options of {@linkcode avgPool2d} and {@linkcode maxPool2d}; one number is for both dims.
 *
 * @category Ops
 */
export interface Pool2dOptions {
  /** Size of a window, from 1: down and across. */
  readonly size: number | readonly [number, number];
  /** Distance of windows, from 1. Default: `size`. */
  readonly stride?: number | readonly [number, number];
  /** How far windows reach over every side, at most half of `size`. Default: 0. */
  readonly padding?: number | readonly [number, number];
}

/**
 * Options of {@linkcode avgPool1d} and {@linkcode maxPool1d}.
 *
 * @category Ops
 */
export interface Pool1dOptions {
  /** Length of a window, from 1. */
  readonly size: number;
  /** Distance of windows, from 1. Default: `size`. */
  readonly stride?: number;
  /** How far windows reach over both ends, at most half of `size`. Default: 0. */
  readonly padding?: number;
}

/**
 * Means of windows of images `x` [B, C, H, W]: [B, C, h, w] with h = floor((H + 2 padding - size) / stride) + 1. What windows reach over
 * the sides counts as 0.
 *
 * @throws {RangeError} if the shape or the options do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { avgPool2d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 1, 2, 2] });
 * using y = avgPool2d(x, { size: 2 });
 * console.log(await y.data()); // 2.5
 * ```
 *
 * @category Ops
 */
export function avgPool2d(x: FloatTensor, options: Pool2dOptions): Tensor {
  const sizes = sizesOf("avgPool2d", x, options);
  const windows = windowsOf(x, sizes);
  const y = mean(windows, { dim: 0 });
  // The gradient needs their shape alone.
  windows.discard();
  return y;
}

/**
 * Largest elements of windows of images `x` [B, C, H, W]: [B, C, h, w] with h = floor((H + 2 padding - size) / stride) + 1. What windows
 * reach over the sides is not looked at. The gradient goes to the first of equal ones.
 *
 * @throws {RangeError} if the shape or the options do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { maxPool2d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 1, 2, 2] });
 * using y = maxPool2d(x, { size: [1, 2] });
 * console.log(await y.data()); // 2, 4
 * ```
 *
 * @category Ops
 */
export function maxPool2d(x: FloatTensor, options: Pool2dOptions): Tensor {
  const { padding, ...sizes } = sizesOf("maxPool2d", x, options);
  const isPadded = padding.some((width) => width > 0);
  const padded = isPadded
    ? pad(x, { widths: padding.map((width) => [width, width] as const), value: -Infinity })
    : x;
  const windows = windowsOf(padded, { ...sizes, padding: [0, 0] });
  const y = max(windows, { dim: 0 });
  windows.discard();
  return y;
}

/**
 * As {@linkcode avgPool2d} for sequences `x` [B, C, T]: [B, C, t].
 *
 * @throws {RangeError} if the shape or the options do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { avgPool1d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 3, 5, 7], { shape: [1, 1, 4] });
 * using y = avgPool1d(x, { size: 2 });
 * console.log(await y.data()); // 2, 6
 * ```
 *
 * @category Ops
 */
export function avgPool1d(x: FloatTensor, options: Pool1dOptions): Tensor {
  return ofOneRow("avgPool1d", x, options, avgPool2d);
}

/**
 * As {@linkcode maxPool2d} for sequences `x` [B, C, T]: [B, C, t].
 *
 * @throws {RangeError} if the shape or the options do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { maxPool1d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 3, 5, 7], { shape: [1, 1, 4] });
 * using y = maxPool1d(x, { size: 3, stride: 1 });
 * console.log(await y.data()); // 5, 7
 * ```
 *
 * @category Ops
 */
export function maxPool1d(x: FloatTensor, options: Pool1dOptions): Tensor {
  return ofOneRow("maxPool1d", x, options, maxPool2d);
}

function ofOneRow(
  op: string,
  x: FloatTensor,
  options: Pool1dOptions,
  pool: (x: FloatTensor, options: Pool2dOptions) => Tensor,
): Tensor {
  checkFloats(op, { x });
  checkOptions(`${op}()`, options, ["size", "stride", "padding"]);
  if (x.shape.length !== 3) {
    throw new RangeError(`${op}() wants x of [B, C, T], got ${formatShape(x.shape)}`);
  }
  const { size, stride = size, padding = 0 } = options;
  const y = pool(reshape(x, x.shape.toSpliced(2, 0, 1)), {
    size: [1, size],
    stride: [1, stride],
    padding: [0, padding],
  });
  return reshape(y, y.shape.toSpliced(2, 1));
}

type Pair = readonly [number, number];

/** Windows of images. */
interface WindowSizes {
  readonly size: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** How many windows, down and across. */
  readonly places: Pair;
}

function sizesOf(op: string, x: FloatTensor, options: Pool2dOptions): WindowSizes {
  checkFloats(op, { x });
  checkOptions(`${op}()`, options, ["size", "stride", "padding"]);
  const pair = (value: number | Pair): Pair => typeof value === "number" ? [value, value] : value;
  const size = pair(options.size);
  const stride = pair(options.stride ?? size);
  const padding = pair(options.padding ?? 0);
  const isPair = (values: Pair, least: number) =>
    Array.isArray(values) && values.length === 2 &&
    values.every((each) => Number.isSafeInteger(each) && each >= least);
  if (!isPair(size, 1) || !isPair(stride, 1) || !isPair(padding, 0)) {
    throw new RangeError(
      `${op}() wants size and stride from 1 and padding from 0, whole numbers or pairs of them, got ${
        JSON.stringify(options)
      }`,
    );
  }
  if (padding.some((width, dim) => 2 * width > size[dim]!)) {
    throw new RangeError(`${op}() wants a padding of at most half of size, got [${padding}]`);
  }
  const [height, width] = x.shape.slice(2);
  const places = [height, width].map((length, dim) =>
    Math.floor((length! + 2 * padding[dim]! - size[dim]!) / stride[dim]!) + 1
  ) as [number, number];
  if (x.shape.length !== 4 || !places.every((count) => count >= 1)) {
    throw new RangeError(
      `${op}() wants x of [B, C, H, W], at least as large as a window of [${size}], got ${
        formatShape(x.shape)
      }`,
    );
  }
  return { size, stride, padding, places };
}

/** [p q, B, C, h, w]: the elements of every window, 0 beyond the sides. */
function windowsOf(x: FloatTensor, { size, stride, padding, places }: WindowSizes): Tensor {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  // Every channel is an image.
  const params: KernelParams<"unfold"> = {
    firstImage: 0,
    images: batch * channels,
    channels: 1,
    height,
    width,
    kernelHeight: size[0],
    kernelWidth: size[1],
    outHeight: places[0],
    outWidth: places[1],
    strideHeight: stride[0],
    strideWidth: stride[1],
    paddingHeight: padding[0],
    paddingWidth: padding[1],
    dilationHeight: 1,
    dilationWidth: 1,
  };
  const windows = Tensor.empty(x.device, [size[0] * size[1], batch, channels, ...places]);
  inF32([x], (x) => {
    x.device.run("unfold", { x: x.buffer, columns: windows.buffer }, params);
  });
  return windows.computedBy({
    op: "windows",
    inputs: [x],
    gradient(dy) {
      const { device } = dy;
      const dx = Tensor.empty(device, x.shape);
      const operands = { columns: dy.buffer, bias: device.empty, out: dx.buffer };
      device.run("fold", operands, { ...params, biasLength: 0 });
      return [dx];
    },
  });
}
