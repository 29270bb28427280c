// y = x Phi(x), Phi the normal distribution function.        dx = dy (Phi(x) + x phi(x))
//
// The exact GELU of Hendrycks and Gimpel 2016, not the tanh approximation.

import { Tensor } from "../tensor/tensor.ts";

/** Gaussian error linear unit, elementwise. */
export function gelu(x: Tensor): Tensor {
  const y = Tensor.empty(x.device, x.shape);
  x.device.run("gelu", { x: x.buffer, out: y.buffer }, { length: x.length });
  return y.computedBy({ op: "gelu", inputs: [x], gradient: (dy) => [geluGradient(x, dy)] });
}

function geluGradient(x: Tensor, dy: Tensor): Tensor {
  const dx = Tensor.empty(x.device, x.shape);
  x.device.run(
    "gelu_backward",
    { x: x.buffer, dy: dy.buffer, dx: dx.buffer },
    { length: x.length },
  );
  return dx;
}
