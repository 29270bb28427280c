// y = x Phi(x), Phi the normal distribution function.        dx = dy (Phi(x) + x phi(x))
//
// The exact GELU of Hendrycks and Gimpel 2016, not the tanh approximation.

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { unary } from "./pointwise.ts";

/**
 * Gaussian error linear unit, elementwise.
 *
 * @example
 * ```ts
 * import { gelu, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [-1, 0, 2]);
 * using y = gelu(x);
 * console.log(await y.data()); // -0.16, 0, 1.95
 * ```
 *
 * @category Ops
 */
export function gelu(x: FloatTensor): Tensor {
  return unary("gelu", "gelu", x);
}
