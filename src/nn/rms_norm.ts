// y = x / sqrt(mean_c x^2 + eps) (offset + weight), of every row of C features (Zhang & Sennrich 2019): ops/norm.ts

import { rmsNorm } from "../ops/norm.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

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
 * Scales every row.
 *
 * @example
 * ```ts
 * import { Parameter, requestDevice, RmsNorm, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const weight = new Parameter(device, [1, 1, 1, 1], { shape: [4] });
 * using layer = new RmsNorm({ weight, eps: 1e-6 });
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

  /** A layer with the given parameters. */
  constructor({ weight, eps, offset = 0 }: RmsNormParameters) {
    super();
    this.weight = weight;
    this.eps = eps;
    this.offset = offset;
  }

  /** x [..., C] -> [..., C]. @throws {RangeError} if the last dim of `x` is not C, or eps is not above 0. */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(rmsNorm, x, this);
  }
}
