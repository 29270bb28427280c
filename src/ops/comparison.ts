// Comparisons and choices, elementwise, with broadcasting (pointwise.ts). A mask is a tensor of f32 with 1 where a comparison holds and 0
// elsewhere, so that it can be multiplied, summed and averaged; it has no gradient. A comparison with NaN does not hold, but for
// notEqual.

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { broadcast } from "./pointwise.ts";

/**
 * 1 where a = b, else 0, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { equal } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using y = equal(a, 2);
 * console.log(await y.data()); // 0, 1, 0
 * ```
 *
 * @category Ops
 */
export function equal(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("equal", "equal", { a, b }, {});
}

/**
 * 1 where a and b differ, else 0, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { notEqual } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using y = notEqual(a, 2);
 * console.log(await y.data()); // 1, 0, 1
 * ```
 *
 * @category Ops
 */
export function notEqual(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("notEqual", "not_equal", { a, b }, {});
}

/**
 * 1 where a > b, else 0, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { greater } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using y = greater(a, 2);
 * console.log(await y.data()); // 0, 0, 1
 * ```
 *
 * @category Ops
 */
export function greater(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("greater", "greater", { a, b }, {});
}

/**
 * 1 where a >= b, else 0, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { greaterEqual } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using y = greaterEqual(a, 2);
 * console.log(await y.data()); // 0, 1, 1
 * ```
 *
 * @category Ops
 */
export function greaterEqual(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("greaterEqual", "greater_equal", { a, b }, {});
}

/**
 * 1 where a < b, else 0, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { less } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using y = less(a, 2);
 * console.log(await y.data()); // 1, 0, 0
 * ```
 *
 * @category Ops
 */
export function less(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("less", "less", { a, b }, {});
}

/**
 * 1 where a <= b, else 0, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { lessEqual } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using y = lessEqual(a, 2);
 * console.log(await y.data()); // 1, 1, 0
 * ```
 *
 * @category Ops
 */
export function lessEqual(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("lessEqual", "less_equal", { a, b }, {});
}

/**
 * The larger of two elements, broadcast as NumPy does; a plain number is as good as a tensor of one. NaN if either is. Equal
 * ones get half of the gradient each.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { maximum } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using y = maximum(a, 2);
 * console.log(await y.data()); // 2, 2, 3
 * ```
 *
 * @category Ops
 */
export function maximum(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("maximum", "maximum", { a, b }, {
    gradients: ["maximum_backward_a", "maximum_backward_b"],
  });
}

/**
 * The smaller of two elements, broadcast as NumPy does; a plain number is as good as a tensor of one. NaN if either is.
 * Equal ones get half of the gradient each.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { minimum } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using y = minimum(a, 2);
 * console.log(await y.data()); // 1, 2, 2
 * ```
 *
 * @category Ops
 */
export function minimum(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("minimum", "minimum", { a, b }, {
    gradients: ["minimum_backward_a", "minimum_backward_b"],
  });
}

/**
 * `a` where `condition` is not 0, else `b`; broadcast as NumPy does. The gradient goes to what was chosen, the other gets 0 even where
 * it is infinite; the condition has none.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { greater, where } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [-1, 2, -3]);
 * using positive = greater(x, 0);
 * using y = where(positive, x, 0);
 * console.log(await y.data()); // 0, 2, 0
 * ```
 *
 * @category Ops
 */
export function where(
  condition: FloatTensor,
  a: FloatTensor | number,
  b: FloatTensor | number,
): Tensor {
  return broadcast("where", "choose", { condition, a, b }, {
    gradients: [undefined, "choose_backward_a", "choose_backward_b"],
  });
}
