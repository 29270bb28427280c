// y = f(x), elementwise, for the activations that have a kernel and a `_backward` kernel.        dx = dy f'(x)

import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { inF32 } from "./operands.ts";

/** Activations by the names of their kernels; `gelu` has a file of its own. */
type Activation = "relu" | "silu" | "gelu_tanh" | "hyperbolic_tangent";

/**
 * max(x, 0), elementwise.
 *
 * @example
 * ```ts
 * import { relu, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [-1, 0, 2]);
 * using y = relu(x);
 * console.log(await y.data()); // 0, 0, 2
 * ```
 *
 * @category Ops
 */
export function relu(x: FloatTensor): Tensor {
  return activation("relu", x);
}

/**
 * x / (1 + e^-x), elementwise: the sigmoid linear unit, or swish (Elfwing et al. 2017).
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { silu } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [-1, 0, 2]);
 * using y = silu(x);
 * console.log(await y.data()); // -0.27, 0, 1.76
 * ```
 *
 * @category Ops
 */
export function silu(x: FloatTensor): Tensor {
  return activation("silu", x);
}

/**
 * 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), elementwise: GPT-2's GELU (Hendrycks & Gimpel 2016).
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { geluTanh } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [-1, 0, 2]);
 * using y = geluTanh(x);
 * console.log(await y.data()); // -0.16, 0, 1.95
 * ```
 *
 * @category Ops
 */
export function geluTanh(x: FloatTensor): Tensor {
  return activation("gelu_tanh", x);
}

/**
 * tanh x, elementwise.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { tanh } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [-1, 0, 2]);
 * using y = tanh(x);
 * console.log(await y.data()); // -0.76, 0, 0.96
 * ```
 *
 * @category Ops
 */
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
