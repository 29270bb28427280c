// y = factor[0] x, factor a scalar on the device: for gradients of scalars, which are never read back. Records no gradient.

import type { Tensor } from "../tensor/tensor.ts";
import { runSpread } from "./pointwise.ts";

/** Every element of `x` times the one element of `factor`; records no gradient. */
export function scaledBy(x: Tensor, factor: Tensor): Tensor {
  const one = factor.alias([]);
  return runSpread("mul", { a: x, b: one }, { shape: x.shape });
}
