// y = (x - mean) / sqrt(var + eps) weight + bias, of every row of C features (Ba et al. 2016): ops/norm.ts

import { layerNorm } from "../ops/norm.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Parameters of a {@linkcode LayerNorm}. */
export interface LayerNormParameters {
  /** [C] */
  readonly weight: Parameter;
  /** [C] */
  readonly bias: Parameter;
  /** Added to the variance. */
  readonly eps: number;
}

/** Centres and scales every row. */
export class LayerNorm extends Module<FloatTensor> {
  /** [C] */
  readonly weight: Parameter;
  /** [C] */
  readonly bias: Parameter;
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
