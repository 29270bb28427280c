// y[b, o, oy, ox] = bias[o] + sum over c, i, j of weight[o, c, i, j] x[b, c, oy stride + i dilation - padding, ox ...]
//
// x is 0 outside of the image. Both conv2d and its adjoint convTranspose2d (Dumoulin & Visin 2016) are products of convolution.ts.

import { formatShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import {
  channelSums,
  type Convolution,
  fromPlaces,
  kernelGradient,
  type Pair,
  toPlaces,
} from "./convolution.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { checkFloats, checkSameDevice } from "./operands.ts";

/**
 * Options of {@linkcode conv2d}. Pairs are for height and width; one number is for both.
 *
 * @category Ops
 */
export interface Conv2dOptions {
  /** [O]. Default: there is none. */
  readonly bias?: FloatTensor | undefined;
  /** Distance of the places where the kernel is laid, from 1. Default: 1. */
  readonly stride?: number | readonly [number, number];
  /** Rows and columns of zeros on each side of an image. Default: 0. */
  readonly padding?: number | readonly [number, number];
  /** Distance of the kernel's elements, from 1. Default: 1. */
  readonly dilation?: number | readonly [number, number];
  /** Parts of the channels that do not see each other. Default: 1. */
  readonly groups?: number;
}

/**
 * Options of {@linkcode convTranspose2d}: those of the convolution that it turns around.
 *
 * @category Ops
 */
export interface ConvTranspose2dOptions extends Conv2dOptions {
  /** Rows and columns that are added at the bottom and at the right; less than stride or dilation. Default: 0. */
  readonly outputPadding?: number | readonly [number, number];
}

/**
 * Convolution (as everywhere in neural networks, without flipping the kernel) of images `x` [B, C, H, W] with `weight`
 * [O, C / groups, p, q]: [B, O, h, w] with h = floor((H + 2 padding - dilation (p - 1) - 1) / stride) + 1, w likewise.
 *
 * @throws {RangeError} if the shapes or options do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { conv2d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6, 7, 8, 9], { shape: [1, 1, 3, 3] });
 * using weight = Tensor.from(device, [1, 0, 0, 1], { shape: [1, 1, 2, 2] });
 * using y = conv2d(x, weight);
 * console.log(y.shape, await y.data()); // [1, 1, 2, 2]: 6, 8, 12, 14
 * ```
 *
 * @category Ops
 */
export function conv2d(
  x: FloatTensor,
  weight: FloatTensor,
  options: Conv2dOptions = {},
): Tensor {
  checkOptions("conv2d()", options, CONVOLUTION);
  const { bias } = options;
  const checked = checkedOptions("conv2d", x, weight, options);
  const { groups, kernel, stride, padding, dilation } = checked;
  const [batch, imageChannels, height, width] = x.shape;
  checkChannels("conv2d", x, weight, {
    bias,
    inChannels: weight.shape[1] * groups,
    outChannels: weight.shape[0],
    groups,
  });
  const image: Pair = [height, width];
  const places = both((dim) =>
    Math.floor(
      (image[dim] + 2 * padding[dim] - dilation[dim] * (kernel[dim] - 1) - 1) / stride[dim],
    ) + 1
  );
  if (places.some((count) => count < 1)) {
    throw new RangeError(
      `conv2d() wants images that are not smaller than the kernel: those of ${
        formatShape(x.shape)
      } ` +
        `with padding ${formatShape(padding)} are smaller than ${
          formatShape(kernel)
        } with dilation ` +
        formatShape(dilation),
    );
  }
  const sizes = { ...checked, batch, imageChannels, image, placeChannels: weight.shape[0], places };
  return toPlaces({ images: x, kernel: weight, bias }, sizes).computedBy({
    op: "conv2d",
    inputs: bias === undefined ? [x, weight] : [x, weight, bias],
    gradient: (dy, [wantsX, wantsWeight, wantsBias]) => [
      wantsX ? fromPlaces({ places: dy, kernel: weight }, sizes) : undefined,
      wantsWeight ? kernelGradient({ images: x, places: dy }, sizes) : undefined,
      wantsBias ? channelSums(dy) : undefined,
    ],
  });
}

/**
 * Transposed convolution of images `x` [B, I, h, w] with `weight` [I, O / groups, p, q]: what {@linkcode conv2d} with the same weight
 * and options does to gradients. The result is [B, O, H, W] with
 * H = (h - 1) stride - 2 padding + dilation (p - 1) + outputPadding + 1, W likewise.
 *
 * @throws {RangeError} if the shapes or options do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { convTranspose2d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2], { shape: [1, 1, 1, 2] });
 * using weight = Tensor.from(device, [1, 10, 100, 1000], { shape: [1, 1, 2, 2] });
 * using y = convTranspose2d(x, weight, { stride: 2 });
 * console.log(y.shape, await y.data()); // [1, 1, 2, 4]: 1, 10, 2, 20, 100, 1000, 200, 2000
 * ```
 *
 * @category Ops
 */
export function convTranspose2d(
  x: FloatTensor,
  weight: FloatTensor,
  options: ConvTranspose2dOptions = {},
): Tensor {
  checkOptions("convTranspose2d()", options, [...CONVOLUTION, "outputPadding"]);
  const { bias } = options;
  const checked = checkedOptions("convTranspose2d", x, weight, options);
  const { groups, kernel, stride, padding, dilation } = checked;
  const [batch, placeChannels, height, width] = x.shape;
  const imageChannels = weight.shape[1] * groups;
  checkChannels("convTranspose2d", x, weight, {
    bias,
    inChannels: weight.shape[0],
    outChannels: imageChannels,
    groups,
  });
  const outputPadding = pairOf("convTranspose2d", "outputPadding", {
    value: options.outputPadding ?? 0,
    least: 0,
  });
  if (
    both((dim) => Math.max(stride[dim], dilation[dim])).some((n, dim) => outputPadding[dim] >= n)
  ) {
    throw new RangeError(
      `convTranspose2d() wants outputPadding to be less than stride or dilation, got ${
        formatShape(outputPadding)
      } with stride ${formatShape(stride)} and dilation ${formatShape(dilation)}`,
    );
  }
  const places: Pair = [height, width];
  const image = both((dim) =>
    (places[dim] - 1) * stride[dim] - 2 * padding[dim] + dilation[dim] * (kernel[dim] - 1) +
    outputPadding[dim] + 1
  );
  if (places.some((length) => length < 1) || image.some((length) => length < 1)) {
    throw new RangeError(
      `convTranspose2d() wants results of at least one row and column, got ${
        formatShape(image)
      } for ` +
        `images of ${formatShape(x.shape)}, a kernel of ${formatShape(kernel)} and padding ${
          formatShape(padding)
        }`,
    );
  }
  const sizes = { ...checked, batch, imageChannels, image, placeChannels, places };
  return fromPlaces({ places: x, kernel: weight, bias }, sizes).computedBy({
    op: "convTranspose2d",
    inputs: bias === undefined ? [x, weight] : [x, weight, bias],
    gradient: (dy, [wantsX, wantsWeight, wantsBias]) => [
      wantsX ? toPlaces({ images: dy, kernel: weight }, sizes) : undefined,
      wantsWeight ? kernelGradient({ images: dy, places: x }, sizes) : undefined,
      wantsBias ? channelSums(dy) : undefined,
    ],
  });
}

function checkedOptions(
  op: string,
  x: FloatTensor,
  weight: FloatTensor,
  { bias, stride = 1, padding = 0, dilation = 1, groups = 1 }: Conv2dOptions,
): Pick<Convolution, "groups" | "kernel" | "stride" | "padding" | "dilation"> {
  checkFloats(op, bias === undefined ? { x, weight } : { x, weight, bias });
  if (x.shape.length !== 4 || weight.shape.length !== 4 || weight.length === 0) {
    throw new RangeError(
      `${op}() wants x of [B, C, H, W] and a weight of four dims, got ${
        formatShape(x.shape)
      } and ` +
        formatShape(weight.shape),
    );
  }
  if (!Number.isInteger(groups) || groups < 1) {
    throw new RangeError(`${op}() wants groups to be an integer from 1, got ${groups}`);
  }
  return {
    groups,
    kernel: [weight.shape[2], weight.shape[3]],
    stride: pairOf(op, "stride", { value: stride, least: 1 }),
    padding: pairOf(op, "padding", { value: padding, least: 0 }),
    dilation: pairOf(op, "dilation", { value: dilation, least: 1 }),
  };
}

function checkChannels(
  op: string,
  x: FloatTensor,
  weight: FloatTensor,
  { bias, inChannels, outChannels, groups }: {
    readonly bias: FloatTensor | undefined;
    readonly inChannels: number;
    readonly outChannels: number;
    readonly groups: number;
  },
): void {
  checkSameDevice(op, x, weight, ...(bias === undefined ? [] : [bias]));
  const ofWeight = `a weight of ${formatShape(weight.shape)} and groups ${groups}`;
  if (x.shape[1] !== inChannels) {
    throw new RangeError(
      `${op}() wants x of ${inChannels} channels for ${ofWeight}, got ${formatShape(x.shape)}`,
    );
  }
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new RangeError(
      `${op}() wants groups to divide both numbers of channels, got ${inChannels} and ${outChannels} ` +
        `for ${ofWeight}`,
    );
  }
  if (bias !== undefined && (bias.shape.length !== 1 || bias.length !== outChannels)) {
    throw new RangeError(
      `${op}() wants bias of [${outChannels}] for ${ofWeight}, got ${formatShape(bias.shape)}`,
    );
  }
}

function pairOf(
  op: string,
  name: string,
  { value, least }: { readonly value: number | Pair; readonly least: number },
): Pair {
  const pair = typeof value === "number" ? [value, value] as const : value;
  if (
    !Array.isArray(pair) || pair.length !== 2 ||
    pair.some((each) => !Number.isInteger(each) || each < least)
  ) {
    throw new RangeError(
      `${op}() wants ${name} to be an integer from ${least}, or one for height and one for width, got ` +
        (Array.isArray(value) ? formatShape(value) : `${value}`),
    );
  }
  return pair;
}

function both(of: (dim: 0 | 1) => number): Pair {
  return [of(0), of(1)];
}

/** Options of all convolutions. */
export const CONVOLUTION = ["bias", "stride", "padding", "dilation", "groups"] as const;
