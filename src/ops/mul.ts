// y = a b, a / b, a^b, elementwise, with broadcasting (pointwise.ts).
//        mul: da = dy b, db = dy a        div: da = dy / b, db = -dy a / b^2
//        pow: da = dy b a^(b - 1), db = dy a^b log a

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { broadcast, runSpread } from "./pointwise.ts";

/**
 * Elementwise product, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { mul, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using b = Tensor.from(device, [1, 10]); // for each row of a
 * using y = mul(a, b);
 * console.log(await y.data()); // 1, 20, 3, 40
 * ```
 *
 * @category Ops
 */
export function mul(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("mul", "mul", { a, b }, {
    gradients: [
      (dy, { b }) => runSpread("mul", { a: dy, b: b! }, { shape: dy.shape }),
      (dy, { a }) => runSpread("mul", { a: dy, b: a! }, { shape: dy.shape }),
    ],
  });
}

/**
 * Elementwise quotient, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { div } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using b = Tensor.from(device, [1, 10]); // for each row of a
 * using y = div(a, b);
 * console.log(await y.data()); // 1, 0.2, 3, 0.4
 * ```
 *
 * @category Ops
 */
export function div(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("div", "div", { a, b }, { gradients: ["div_backward_a", "div_backward_b"] });
}

/**
 * Elementwise power a^b, broadcast as NumPy does; a plain number is as good as a tensor of one.
 * A negative base has powers with whole exponents, and NaN for others. Error: some 1e-7 (1 + |b log a|) of the result; a a exactly where b is 2.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { pow } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using y = pow(a, 2);
 * console.log(await y.data()); // 1, 4, 9
 * ```
 *
 * @category Ops
 */
export function pow(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("pow", "to_power", { a, b }, {
    gradients: ["to_power_backward_a", "to_power_backward_b"],
  });
}
