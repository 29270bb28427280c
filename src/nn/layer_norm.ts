// y = (x - mean) / sqrt(var + eps) weight + bias, of every row of C features (Ba et al. 2016): ops/norm.ts

import { checkOptions } from "../tensor/option_names.ts";
import type { Device } from "../device/device.ts";
import { layerNorm } from "../ops/norm.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { requireParameters } from "./parameter_checks.ts";
import { constantParameter, type NormSize } from "./norm_parameters.ts";

/**
 * Parameters of a {@linkcode LayerNorm}.
 *
 * @category Layers
 */
export interface LayerNormParameters {
  /** [C] */
  readonly weight: Parameter;
  /** [C]. Default: there is none. */
  readonly bias?: Parameter | undefined;
  /** Added to the variance. */
  readonly eps: number;
}

/**
 * Options of a new {@linkcode LayerNorm}.
 *
 * @category Layers
 */
export interface LayerNormSize extends NormSize {
  /** Added to the variance. Default: 1e-5. */
  readonly eps?: number;
  /** Whether to add a bias. Default: true. */
  readonly bias?: boolean;
}

/**
 * Centres and scales every row.
 *
 * @example
 * ```ts
 * import { LayerNorm, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new LayerNorm(device, { features: 4 });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
 * using y = await layer.forward(x);
 * console.log(await y.data());
 * ```
 *
 * @category Layers
 */
export class LayerNorm extends Module<FloatTensor> {
  /** [C] */
  readonly weight: Parameter;
  /** [C], if there is one. */
  readonly bias: Parameter | undefined;
  /** Added to the variance. */
  readonly eps: number;

  /** Makes a new layer. @throws {RangeError} if the number of features is no positive integer */
  constructor(device: Device, options: LayerNormSize);
  /** A layer with the given parameters. */
  constructor(parameters: LayerNormParameters);
  constructor(first: Device | LayerNormParameters, options?: LayerNormSize) {
    super();
    if (hasWeight(first)) checkOptions("LayerNorm", first, ["weight", "bias", "eps"]);
    const { weight, bias, eps } = hasWeight(first) ? first : initial(first, options!);
    requireParameters("LayerNorm", { weight, bias });
    this.weight = weight;
    this.bias = bias;
    this.eps = eps;
  }

  /** x [..., C] -> [..., C]. @throws {RangeError} if the last dim of `x` is not C, or eps is not above 0. */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(layerNorm, x, this);
  }
}

function hasWeight(first: Device | LayerNormParameters): first is LayerNormParameters {
  return "weight" in Object(first);
}

function initial(device: Device, options: LayerNormSize): LayerNormParameters {
  checkOptions("LayerNorm", options, ["features", "eps", "bias", "dtype", "gradientDtype"]);
  const { eps = 1e-5, bias = true } = options;
  return {
    weight: constantParameter(device, 1, options),
    bias: bias ? constantParameter(device, 0, options) : undefined,
    eps,
  };
}
