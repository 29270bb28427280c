// y = x / sqrt(mean_c x^2 + eps) (offset + weight), of every row of C features (Zhang & Sennrich 2019): ops/norm.ts

import { checkOptions } from "../tensor/option_names.ts";
import type { Device } from "../device/device.ts";
import { rmsNorm } from "../ops/norm.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { requireParameters } from "./parameter_checks.ts";
import { constantParameter, type NormSize } from "./norm_parameters.ts";

/**
 * Parameters of an {@linkcode RmsNorm}.
 *
 * @category Layers
 */
export interface RmsNormParameters {
  /** [C] */
  readonly weight: Parameter;
  /** Added to the mean square. */
  readonly eps: number;
  /** Added to every weight. Default: 0. */
  readonly offset?: number;
}

/**
 * Options of a new {@linkcode RmsNorm}.
 *
 * @category Layers
 */
export interface RmsNormSize extends NormSize {
  /** Added to the mean square. Default: 1e-6. */
  readonly eps?: number;
}

/**
 * Scales every row.
 *
 * @example
 * ```ts
 * import { requestDevice, RmsNorm, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new RmsNorm(device, { features: 4 });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
 * using y = await layer.forward(x);
 * console.log(await y.data());
 * ```
 *
 * @category Layers
 */
export class RmsNorm extends Module<FloatTensor> {
  /** [C] */
  readonly weight: Parameter;
  /** Added to the mean square. */
  readonly eps: number;
  /** Added to every weight. */
  readonly offset: number;

  /** Makes a new layer. @throws {RangeError} if the number of features is no positive integer */
  constructor(device: Device, options: RmsNormSize);
  /** A layer with the given parameters. */
  constructor(parameters: RmsNormParameters);
  constructor(first: Device | RmsNormParameters, options?: RmsNormSize) {
    super();
    const names = hasWeight(first)
      ? ["weight", "eps", "offset"]
      : ["features", "eps", "dtype", "gradientDtype"];
    checkOptions("RmsNorm", hasWeight(first) ? first : options, names);
    const { weight, eps, offset = 0 }: RmsNormParameters = hasWeight(first)
      ? first
      : { weight: constantParameter(first, 1, options!), eps: options!.eps ?? 1e-6 };
    requireParameters("RmsNorm", { weight });
    this.weight = weight;
    this.eps = eps;
    this.offset = offset;
  }

  /** x [..., C] -> [..., C]. @throws {RangeError} if the last dim of `x` is not C, or eps is not above 0. */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(rmsNorm, x, this);
  }
}

function hasWeight(first: Device | RmsNormParameters): first is RmsNormParameters {
  return "weight" in Object(first);
}
