// The layer norm of each head's features, with weights of its own for each head (Command R+):
//
//   y[b, t, h] = (x[b, t, h] - mean) / sqrt(var + eps) weight[h]          x [B, T, H, F], weight [H, F]

import { constantNumbers } from "../ops/constant.ts";
import { mul } from "../ops/mul.ts";
import { layerNorm } from "../ops/norm.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Centres and scales the features of every head. */
export class PerHeadNorm extends Module<FloatTensor> {
  /** [H, F] */
  readonly weight: Parameter;
  /** Added to the variance. */
  readonly eps: number;

  /** A norm with the given weights. */
  constructor({ weight, eps }: { readonly weight: Parameter; readonly eps: number }) {
    super();
    this.weight = weight;
    this.eps = eps;
  }

  /** x [B, T, H, F] -> [B, T, H, F] */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(perHeadNorm, x, this);
  }
}

/** The norm of `x` [..., H, F] with weights [H, F]. */
export function perHeadNorm(
  x: FloatTensor,
  { weight, eps }: { readonly weight: FloatTensor; readonly eps: number },
): Tensor {
  const ones = constantNumbers(x.device, new Float32Array(weight.shape[1]).fill(1));
  return mul(layerNorm(x, { weight: ones, eps }), weight);
}
