// Convolution of sequences as a layer: ops/conv1d.ts

import type { Device } from "../device/device.ts";
import { conv1d, type Conv1dOptions } from "../ops/conv1d.ts";
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
 * How a {@linkcode Conv1d} lays its kernel: options of `conv1d()`.
 *
 * @category Layers
 */
export type Conv1dSettings = Omit<Conv1dOptions, "bias">;

/**
 * Convolution of sequences.
 *
 * @example
 * ```ts
 * import { RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { Conv1d } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new Conv1d(device, {
 *   inChannels: 3,
 *   outChannels: 8,
 *   kernelSize: 3,
 *   stride: 2,
 *   padding: 1,
 *   random: new RandomSource(1),
 * });
 * using x = Tensor.from(device, new Float32Array(3 * 10), { shape: [1, 3, 10] });
 * using y = await layer.forward(x);
 * console.log(y.shape); // [1, 8, 5]
 * ```
 *
 * @category Layers
 */
export class Conv1d extends ConvolutionLayer<Conv1dSettings> {
  /** Makes a new layer, or one of existing parameters. @throws {RangeError} if a size is no positive integer */
  constructor(
    device: Device,
    options: (ConvolutionOptions<number> | ConvolutionParameters) & Conv1dSettings,
  ) {
    checkConvolutionOptions("Conv1d", options);
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    super(
      "weight" in options ? options : initialConvolution(device, options, {
        kernel: [options.kernelSize],
        firstDim: "outChannels",
      }),
      { stride, padding, dilation, groups },
    );
  }

  /** x [B, C, T] -> [B, O, t]. @throws {RangeError} if `x` has other channels, or is shorter than the kernel */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const y = conv1d(x, this.weight, { ...this.settings, bias: this.bias });
    await yieldIfDue();
    return y;
  }
}
