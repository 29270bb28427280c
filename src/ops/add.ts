// y = a + b, elementwise.        da = dy, db = dy

import { Tensor } from "../tensor/tensor.ts";
import { checkSameShape } from "./operands.ts";

/** Elementwise sum. @throws {RangeError} if the shapes differ. */
export function add(a: Tensor, b: Tensor): Tensor {
  checkSameShape("add", a, b);
  const y = Tensor.empty(a.device, a.shape);
  a.device.run("add", { a: a.buffer, b: b.buffer, out: y.buffer }, { length: y.length });
  return y.computedBy({ op: "add", inputs: [a, b], gradient: (dy) => [dy, dy] });
}
