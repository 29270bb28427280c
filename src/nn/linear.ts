// y = x W^T + b,  x [..., I], W [O, I], b [O], y [..., O]        I input features, O output features

import { checkOptions } from "../tensor/option_names.ts";
import type { Device } from "../device/device.ts";
import { linear } from "../ops/linear.ts";
import { yieldIfDue } from "../tensor/event_loop.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import {
  initialParameters,
  LINEAR_OPTIONS,
  type LinearOptions,
  type LinearParameters,
} from "./linear_parameters.ts";
import { Module } from "./module.ts";
import { requireParameters } from "./parameter_checks.ts";

/**
 * An affine map of the last dim.
 *
 * @example
 * ```ts
 * import { Linear, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new Linear(device, { inFeatures: 4, outFeatures: 2, random: new RandomSource(1) });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
 * using y = await layer.forward(x);
 * console.log(y.shape); // [1, 2]
 * ```
 *
 * @category Layers
 */
export class Linear extends Module<FloatTensor> {
  /** W [O, I]. */
  readonly weight: Parameter;
  /** b [O]. */
  readonly bias: Parameter | undefined;

  /** Makes a new layer, or one of existing parameters. @throws {RangeError} if a number of features is no positive integer. */
  constructor(device: Device, options: LinearOptions | LinearParameters) {
    super();
    checkOptions(
      "Linear",
      options,
      "weight" in Object(options) ? ["weight", "bias"] : LINEAR_OPTIONS,
    );
    const { weight, bias } = "weight" in options ? options : initialParameters(device, options);
    requireParameters("Linear", { weight, bias });
    this.weight = weight;
    this.bias = bias;
  }

  /** x [..., I] -> [..., O]. @throws {RangeError} if the last dim of `x` is not I. */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const y = linear(x, this.weight, this.bias);
    await yieldIfDue();
    return y;
  }
}
