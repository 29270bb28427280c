// Activations, elementwise; formulas and gradients are in src/device/kernels/pointwise.ts.

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { unary } from "./pointwise.ts";

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
  return unary("relu", "relu", x);
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
  return unary("silu", "silu", x);
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
  return unary("geluTanh", "gelu_tanh", x);
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
  return unary("tanh", "hyperbolic_tangent", x);
}

/**
 * x where it is above 0, else slope x, elementwise.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { leakyRelu } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [-1, 0, 2]);
 * using y = leakyRelu(x);
 * console.log(await y.data()); // -0.01, 0, 2
 * ```
 *
 * @category Ops
 */
export function leakyRelu(
  x: FloatTensor,
  options: { /** Default: 0.01. */ readonly slope?: number } = {},
): Tensor {
  checkOptions("leakyRelu()", options, ["slope"]);
  const { slope = 0.01 } = options;
  return unary("leakyRelu", "leaky_relu", x, { slope });
}
