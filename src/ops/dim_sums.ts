// Sums over some dims of a tensor, in an order that depends on its shape alone. Records no gradient.
//
// Dims that are summed and dims that stay alternate: [outer, n, inner]. They are summed from the innermost on, rows by row_sums, columns
// by column_sums, and what lies between two dims that stay after a permutation that makes rows of it. If all are summed, rows are
// summed first, then their sums, so that a large tensor is not one row for one thread.

import { elementCount, rowsAndCols, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { inF32 } from "./operands.ts";
import { permuted } from "./permute.ts";

/** `x` summed over `dims` (from 0); the result has `shape`, which keeps the dims that stay, in order, and any of length 1. */
export function sumOver(
  x: FloatTensor,
  dims: readonly number[],
  shape: readonly number[],
): Tensor {
  return inF32([x], (x) => {
    let lengths = x.shape;
    let summed = lengths.map((length, dim) => dims.includes(dim) && length !== 1);
    if (summed.every((each, dim) => each || lengths[dim] === 1)) return total(x, shape);
    let sum = x;
    while (true) {
      const end = summed.lastIndexOf(true) + 1;
      if (end === 0) break;
      const begin = summed.lastIndexOf(false, end - 1) + 1;
      const rest = [...lengths.slice(0, begin), ...lengths.slice(end)];
      const isLast = !summed.slice(0, begin).includes(true);
      const next = sumMiddle(sum, {
        outer: elementCount(lengths.slice(0, begin)),
        n: elementCount(lengths.slice(begin, end)),
        inner: elementCount(lengths.slice(end)),
        shape: isLast ? shape : rest,
      });
      if (sum !== x) sum.release();
      sum = next;
      lengths = rest;
      summed = [...summed.slice(0, begin), ...summed.slice(end)];
    }
    return sum === x ? reshapedCopy(x, shape) : sum;
  });
}

/** `x` summed over the dims that `shape` lacks, or that are 1 long there; `x` itself if there is none. */
export function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const missing = x.shape.length - shape.length;
  const dims = x.shape.keys().filter((dim) => (shape[dim - missing] ?? 1) === 1).toArray();
  return sumOver(x, dims, shape);
}

/** The sum of all elements. */
export function total(x: FloatTensor, shape: readonly number[] = []): Tensor {
  const { rows, cols } = rowsAndCols(x.shape);
  const ofRows = Tensor.empty(x.device, [rows]);
  const y = Tensor.empty(x.device, shape);
  inF32([x], (x) => addRows(x, ofRows, { rows, cols }));
  addRows(ofRows, y, { rows: 1, cols: rows });
  ofRows.release();
  return y;
}

/** x [outer, n, inner] summed over n. */
function sumMiddle(
  x: Tensor,
  { outer, n, inner, shape }: {
    readonly outer: number;
    readonly n: number;
    readonly inner: number;
    readonly shape: readonly number[];
  },
): Tensor {
  const out = Tensor.empty(x.device, shape);
  if (inner === 1) {
    addRows(x, out, { rows: outer, cols: n });
  } else if (outer === 1) {
    const operands = { x: x.buffer, out: out.buffer };
    x.device.run("column_sums", operands, { rows: n, cols: inner, accumulate: 0 });
  } else {
    const rows = permuted(x.alias([outer, n, inner]), [0, 2, 1]);
    addRows(rows, out, { rows: outer * inner, cols: n });
    rows.release();
  }
  return out;
}

function addRows(x: Tensor, out: Tensor, shape: { rows: number; cols: number }): void {
  x.device.run("row_sums", { x: x.buffer, out: out.buffer }, { ...shape, accumulate: 0 });
}

/** Where only dims of length 1 are summed. */
function reshapedCopy(x: Tensor, shape: readonly number[]): Tensor {
  const out = Tensor.empty(x.device, shape);
  x.device.run("scale", { x: x.buffer, out: out.buffer }, { length: x.length, factor: 1 });
  return out;
}
