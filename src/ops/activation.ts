// y = f(x), elementwise, for the activations that have a kernel and a `_backward` kernel.        dx = dy f'(x)

import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { inF32 } from "./operands.ts";

/** Activations by the names of their kernels; `gelu` has a file of its own. */
type Activation = "relu" | "silu" | "gelu_tanh" | "hyperbolic_tangent";

/** max(x, 0), elementwise. */
export function relu(x: FloatTensor): Tensor {
  return activation("relu", x);
}

/** x / (1 + e^-x), elementwise: the sigmoid linear unit, or swish (Elfwing et al. 2017). */
export function silu(x: FloatTensor): Tensor {
  return activation("silu", x);
}

/** 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), elementwise: GPT-2's GELU (Hendrycks & Gimpel 2016). */
export function geluTanh(x: FloatTensor): Tensor {
  return activation("gelu_tanh", x);
}

/** tanh x, elementwise. */
export function tanh(x: FloatTensor): Tensor {
  return activation("hyperbolic_tangent", x);
}

function activation(kernel: Activation, x: FloatTensor): Tensor {
  const y = Tensor.empty(x.device, x.shape);
  inF32([x], (x) => {
    x.device.run(kernel, { x: x.buffer, out: y.buffer }, { length: x.length });
  });
  return y.computedBy({
    op: kernel,
    inputs: [x],
    gradient: (dy) => {
      const dx = Tensor.empty(x.device, x.shape);
      inF32([x], (x) => {
        const operands = { x: x.buffer, dy: dy.buffer, dx: dx.buffer };
        x.device.run(`${kernel}_backward`, operands, { length: x.length });
      });
      return [dx];
    },
  });
}
