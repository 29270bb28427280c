// Elementary functions, elementwise; formulas and gradients are in src/device/kernels/pointwise.ts.

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { unary } from "./pointwise.ts";

/**
 * e^x, elementwise: infinity from 88.72 on.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { exp } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0, 1]);
 * using y = exp(x);
 * console.log(await y.data()); // 1, 2.718
 * ```
 *
 * @category Ops
 */
export function exp(x: FloatTensor): Tensor {
  return unary("exp", "natural_exp", x);
}

/**
 * The natural logarithm, elementwise: -infinity of 0, NaN of negative numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { log } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, Math.E]);
 * using y = log(x);
 * console.log(await y.data()); // 0, 1
 * ```
 *
 * @category Ops
 */
export function log(x: FloatTensor): Tensor {
  return unary("log", "natural_log", x);
}

/**
 * The square root, elementwise: NaN of negative numbers. Its gradient at 0 is infinite.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { sqrt } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [4, 9]);
 * using y = sqrt(x);
 * console.log(await y.data()); // 2, 3
 * ```
 *
 * @category Ops
 */
export function sqrt(x: FloatTensor): Tensor {
  return unary("sqrt", "square_root", x);
}

/**
 * 1 / sqrt(x), elementwise.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { rsqrt } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [4, 16]);
 * using y = rsqrt(x);
 * console.log(await y.data()); // 0.5, 0.25
 * ```
 *
 * @category Ops
 */
export function rsqrt(x: FloatTensor): Tensor {
  return unary("rsqrt", "inverse_square_root", x);
}

/**
 * |x|, elementwise; the gradient at 0 is 0.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { abs } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [-2, 3]);
 * using y = abs(x);
 * console.log(await y.data()); // 2, 3
 * ```
 *
 * @category Ops
 */
export function abs(x: FloatTensor): Tensor {
  return unary("abs", "absolute", x);
}

/**
 * 1 / (1 + e^-x), elementwise.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { sigmoid } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0, Math.log(3)]);
 * using y = sigmoid(x);
 * console.log(await y.data()); // 0.5, 0.75
 * ```
 *
 * @category Ops
 */
export function sigmoid(x: FloatTensor): Tensor {
  return unary("sigmoid", "sigmoid", x);
}

/**
 * log(1 + e^x), elementwise: a smooth max(x, 0).
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { softplus } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0, 20]);
 * using y = softplus(x);
 * console.log(await y.data()); // 0.693, 20
 * ```
 *
 * @category Ops
 */
export function softplus(x: FloatTensor): Tensor {
  return unary("softplus", "softplus", x);
}

/**
 * Bounds of {@linkcode clamp}.
 *
 * @category Ops
 */
export interface ClampOptions {
  /** Default: there is no lower bound. */
  readonly min?: number;
  /** Default: there is no upper bound. */
  readonly max?: number;
}

/**
 * Each element, moved into [min, max] if it is outside; NaN stays NaN. The gradient is passed on where x is within, the bounds
 * included.
 *
 * @throws {RangeError} if min is above max.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { clamp } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [-3, 0.5, 2]);
 * using y = clamp(x, { min: -1, max: 1 });
 * console.log(await y.data()); // -1, 0.5, 1
 * ```
 *
 * @category Ops
 */
export function clamp(x: FloatTensor, options: ClampOptions): Tensor {
  checkOptions("clamp()", options, ["min", "max"]);
  const { min: low = -Infinity, max: high = Infinity } = options;
  if (!(low <= high)) throw new RangeError(`clamp() wants min <= max, got ${low} and ${high}`);
  return unary("clamp", "clamp", x, { low, high });
}
