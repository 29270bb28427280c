// y = x Phi(x), Phi the normal distribution function.        dx = dy (Phi(x) + x phi(x))
//
// The exact GELU of Hendrycks and Gimpel 2016, not the tanh approximation.

import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { inF32 } from "./operands.ts";

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
  const y = Tensor.empty(x.device, x.shape);
  inF32([x], (x) => {
    x.device.run("gelu", { x: x.buffer, out: y.buffer }, { length: x.length });
  });
  return y.computedBy({ op: "gelu", inputs: [x], gradient: (dy) => [geluGradient(x, dy)] });
}

function geluGradient(x: FloatTensor, dy: Tensor): Tensor {
  const dx = Tensor.empty(x.device, x.shape);
  inF32([x], (x) => {
    const operands = { x: x.buffer, dy: dy.buffer, dx: dx.buffer };
    x.device.run("gelu_backward", operands, { length: x.length });
  });
  return dx;
}
