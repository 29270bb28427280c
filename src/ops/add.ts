// y = a + b, a - b, -x, elementwise, with broadcasting (pointwise.ts).        da = dy, db = dy or -dy, dx = -dy

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats } from "./operands.ts";
import { broadcast, runFlat } from "./pointwise.ts";

/**
 * Elementwise sum, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { add, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using b = Tensor.from(device, [1, 10]); // for each row of a
 * using y = add(a, b);
 * console.log(await y.data()); // 2, 12, 4, 14
 * ```
 *
 * @category Ops
 */
export function add(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("add", "add", { a, b }, { gradients: ["dy", "dy"] });
}

/**
 * Elementwise difference, broadcast as NumPy does; a plain number is as good as a tensor of one.
 *
 * @throws {RangeError} if the shapes cannot be broadcast.
 * @throws {TypeError} if an operand is no tensor of numbers, or both are plain numbers.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { sub } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using b = Tensor.from(device, [1, 10]); // for each row of a
 * using y = sub(a, b);
 * console.log(await y.data()); // 0, -8, 2, -6
 * ```
 *
 * @category Ops
 */
export function sub(a: FloatTensor | number, b: FloatTensor | number): Tensor {
  return broadcast("sub", "sub", { a, b }, { gradients: ["dy", negated] });
}

/**
 * -x, elementwise.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { neg } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, -2, 3]);
 * using y = neg(x);
 * console.log(await y.data()); // -1, 2, -3
 * ```
 *
 * @category Ops
 */
export function neg(x: FloatTensor): Tensor {
  checkFloats("neg", { x });
  return negated(x).computedBy({ op: "neg", inputs: [x], gradient: (dy) => [negated(dy)] });
}

/** {@linkcode neg} without recording a gradient. */
export function negated(x: FloatTensor): Tensor {
  return runFlat("neg", { x });
}
