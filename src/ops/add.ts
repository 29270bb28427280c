// y = a + b, elementwise.        da = dy, db = dy

import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkSameShape, inF32 } from "./operands.ts";

/** Elementwise sum. @throws {RangeError} if the shapes differ. */
export function add(a: FloatTensor, b: FloatTensor): Tensor {
  checkSameShape("add", a, b);
  const y = Tensor.empty(a.device, a.shape);
  inF32([a, b], (a, b) => {
    a.device.run("add", { a: a.buffer, b: b.buffer, out: y.buffer }, { length: y.length });
  });
  return y.computedBy({ op: "add", inputs: [a, b], gradient: (dy) => [dy, dy] });
}
