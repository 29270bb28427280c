// y = a + b, elementwise.        da = dy, db = dy

import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkSameShape, inF32 } from "./operands.ts";

/**
 * Elementwise sum.
 *
 * @throws {RangeError} if the shapes differ.
 *
 * @example
 * ```ts
 * import { add, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using b = Tensor.from(device, [10, 20, 30]);
 * using y = add(a, b);
 * console.log(await y.data()); // 11, 22, 33
 * ```
 *
 * @category Ops
 */
export function add(a: FloatTensor, b: FloatTensor): Tensor {
  checkSameShape("add", a, b);
  const y = Tensor.empty(a.device, a.shape);
  inF32([a, b], (a, b) => {
    a.device.run("add", { a: a.buffer, b: b.buffer, out: y.buffer }, { length: y.length });
  });
  return y.computedBy({ op: "add", inputs: [a, b], gradient: (dy) => [dy, dy] });
}
