// y = x / sqrt(mean_c x^2 + eps) weight, of every row of C features (Zhang & Sennrich 2019): ops/norm.ts

import { rmsNorm } from "../ops/norm.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Parameters of an {@linkcode RmsNorm}. */
export interface RmsNormParameters {
  /** [C] */
  readonly weight: Parameter;
  /** Added to the mean square. */
  readonly eps: number;
}

/** Scales every row. */
export class RmsNorm extends Module<FloatTensor> {
  /** [C] */
  readonly weight: Parameter;
  /** Added to the mean square. */
  readonly eps: number;

  /** A layer with the given parameters. */
  constructor({ weight, eps }: RmsNormParameters) {
    super();
    this.weight = weight;
    this.eps = eps;
  }

  /** x [..., C] -> [..., C]. @throws {RangeError} if the last dim of `x` is not C, or eps is not above 0. */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(rmsNorm, x, this);
  }
}
