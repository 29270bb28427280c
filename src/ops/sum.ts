// y = sum of all elements of x, a scalar.        dx = dy everywhere
//
// Sums the rows first, then their sums, so that a large x is not one row for one thread.

import { rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { inF32 } from "./operands.ts";
import { scaledBy } from "./scale_by.ts";

/**
 * Sum of all elements: a tensor of shape [].
 *
 * @example
 * ```ts
 * import { requestDevice, sum, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3]);
 * using y = sum(x);
 * console.log(await y.item()); // 6
 * ```
 *
 * @category Ops
 */
export function sum(x: FloatTensor): Tensor {
  return total(x).computedBy({ op: "sum", inputs: [x], gradient: (dy) => [sumGradient(x, dy)] });
}

/** {@linkcode sum} without recording a gradient. */
export function total(x: FloatTensor): Tensor {
  const { rows, cols } = rowsAndCols(x.shape);
  const ofRows = Tensor.empty(x.device, [rows]);
  const y = Tensor.empty(x.device, []);
  inF32([x], (x) => addRows(x, ofRows, { rows, cols }));
  addRows(ofRows, y, { rows: 1, cols: rows });
  ofRows.release();
  return y;
}

function addRows(x: Tensor, out: Tensor, shape: { rows: number; cols: number }): void {
  x.device.run("row_sums", { x: x.buffer, out: out.buffer }, { ...shape, accumulate: 0 });
}

function sumGradient(x: FloatTensor, dy: Tensor): Tensor {
  const ones = x.filledLike(1);
  const dx = scaledBy(ones, dy);
  ones.release();
  return dx;
}
