// y = a * b, elementwise.        da = dy * b, db = dy * a

import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkSameShape, inF32 } from "./operands.ts";

/**
 * Elementwise product.
 *
 * @throws {RangeError} if the shapes differ.
 *
 * @example
 * ```ts
 * import { mul, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3]);
 * using b = Tensor.from(device, [10, 20, 30]);
 * using y = mul(a, b);
 * console.log(await y.data()); // 10, 40, 90
 * ```
 *
 * @category Ops
 */
export function mul(a: FloatTensor, b: FloatTensor): Tensor {
  checkSameShape("mul", a, b);
  return product(a, b).computedBy({
    op: "mul",
    inputs: [a, b],
    gradient: (dy, [wantsA, wantsB]) => [
      wantsA ? product(dy, b) : undefined,
      wantsB ? product(dy, a) : undefined,
    ],
  });
}

function product(a: FloatTensor, b: FloatTensor): Tensor {
  const y = Tensor.empty(a.device, a.shape);
  inF32([a, b], (a, b) => {
    a.device.run("mul", { a: a.buffer, b: b.buffer, out: y.buffer }, { length: y.length });
  });
  return y;
}
