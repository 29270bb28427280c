// y = (x - mean) / sqrt(var + eps) weight + bias, of every row of C features (Ba et al. 2016): ops/norm.ts

import { layerNorm } from "../ops/norm.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

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
 * Centres and scales every row.
 *
 * @example
 * ```ts
 * import { LayerNorm, Parameter, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const weight = new Parameter(device, [1, 1, 1, 1], { shape: [4] });
 * const bias = new Parameter(device, [0, 0, 0, 0], { shape: [4] });
 * using layer = new LayerNorm({ weight, bias, eps: 1e-5 });
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

  /** A layer with the given parameters. */
  constructor({ weight, bias, eps }: LayerNormParameters) {
    super();
    this.weight = weight;
    this.bias = bias;
    this.eps = eps;
  }

  /** x [..., C] -> [..., C]. @throws {RangeError} if the last dim of `x` is not C, or eps is not above 0. */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(layerNorm, x, this);
  }
}
