// Convolutions of images as layers: ops/conv2d.ts

import type { Device } from "../device/device.ts";
import {
  conv2d,
  type Conv2dOptions,
  convTranspose2d,
  type ConvTranspose2dOptions,
} from "../ops/conv2d.ts";
import { yieldIfDue } from "../tensor/event_loop.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import {
  checkConvolutionOptions,
  ConvolutionLayer,
  type ConvolutionOptions,
  type ConvolutionParameters,
  initialConvolution,
} from "./convolution_layer.ts";

/**
 * How a {@linkcode Conv2d} lays its kernel: options of `conv2d()`.
 *
 * @category Layers
 */
export type Conv2dSettings = Omit<Conv2dOptions, "bias">;

/**
 * How a {@linkcode ConvTranspose2d} lays its kernel: options of `convTranspose2d()`.
 *
 * @category Layers
 */
export type ConvTranspose2dSettings = Omit<ConvTranspose2dOptions, "bias">;

/** One number for height and width, or one for each. */
type Size2d = number | readonly [number, number];

/**
 * Convolution of images.
 *
 * @example
 * ```ts
 * import { RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { Conv2d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new Conv2d(device, {
 *   inChannels: 3,
 *   outChannels: 8,
 *   kernelSize: 3,
 *   padding: 1,
 *   random: new RandomSource(1),
 * });
 * using x = Tensor.from(device, new Float32Array(3 * 5 * 6), { shape: [1, 3, 5, 6] });
 * using y = await layer.forward(x);
 * console.log(y.shape); // [1, 8, 5, 6]
 * ```
 *
 * @category Layers
 */
export class Conv2d extends ConvolutionLayer<Conv2dSettings> {
  /** Makes a new layer, or one of existing parameters. @throws {RangeError} if a size is no positive integer */
  constructor(
    device: Device,
    options: (ConvolutionOptions<Size2d> | ConvolutionParameters) & Conv2dSettings,
  ) {
    checkConvolutionOptions("Conv2d", options);
    super(
      "weight" in options ? options : initialConvolution(device, options, {
        kernel: kernelOf(options.kernelSize),
        firstDim: "outChannels",
      }),
      settingsOf(options),
    );
  }

  /** x [B, C, H, W] -> [B, O, h, w]. @throws {RangeError} if `x` has other channels, or is smaller than the kernel */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const y = conv2d(x, this.weight, { ...this.settings, bias: this.bias });
    await yieldIfDue();
    return y;
  }
}

/**
 * Transposed convolution of images.
 *
 * @example
 * ```ts
 * import { RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { ConvTranspose2d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new ConvTranspose2d(device, {
 *   inChannels: 8,
 *   outChannels: 3,
 *   kernelSize: 2,
 *   stride: 2,
 *   random: new RandomSource(1),
 * });
 * using x = Tensor.from(device, new Float32Array(8 * 5 * 6), { shape: [1, 8, 5, 6] });
 * using y = await layer.forward(x);
 * console.log(y.shape); // [1, 3, 10, 12]
 * ```
 *
 * @category Layers
 */
export class ConvTranspose2d extends ConvolutionLayer<ConvTranspose2dSettings> {
  /** Makes a new layer, or one of existing parameters. @throws {RangeError} if a size is no positive integer */
  constructor(
    device: Device,
    options: (ConvolutionOptions<Size2d> | ConvolutionParameters) & ConvTranspose2dSettings,
  ) {
    checkConvolutionOptions("ConvTranspose2d", options, ["outputPadding"]);
    const { outputPadding = 0 } = options;
    super(
      "weight" in options ? options : initialConvolution(device, options, {
        kernel: kernelOf(options.kernelSize),
        firstDim: "inChannels",
      }),
      { ...settingsOf(options), outputPadding },
    );
  }

  /** x [B, I, h, w] -> [B, O, H, W]. @throws {RangeError} if `x` has other channels, or the result would be empty */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const y = convTranspose2d(x, this.weight, { ...this.settings, bias: this.bias });
    await yieldIfDue();
    return y;
  }
}

function kernelOf(size: Size2d): readonly number[] {
  return typeof size === "number" ? [size, size] : size;
}

function settingsOf(
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: Conv2dSettings,
): Conv2dSettings {
  return { stride, padding, dilation, groups };
}
