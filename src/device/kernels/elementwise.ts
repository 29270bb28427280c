// Kernels that write a part of their result, or add to it; whole results of formulas are in pointwise.ts.

import { type Kernel, reads, writes } from "./kernel.ts";
import { elementwise } from "./shaders.ts";

/** out += factor * x */
export const accumulate: Kernel<"x" | "out", "length" | "factor"> = {
  operands: { x: reads("f32", lengthOf), out: writes("f32", lengthOf) },
  params: { length: "u32", factor: "f32" },
  shader: elementwise("accumulate", lengthOf),
};

/** out[offset .. offset + length] = value */
export const fill: Kernel<"out", "offset" | "length" | "value"> = {
  operands: {
    out: writes("f32", ({ offset, length }) => length === 0 ? 0 : offset + length),
  },
  params: { offset: "u32", length: "u32", value: "f32" },
  shader: elementwise("fill", lengthOf),
};

/** out[r, toOffset + c] = x[r, fromOffset + c] for c < cols; rows of x are fromStride long, rows of out toStride */
export const copy_block: Kernel<
  "x" | "out",
  "rows" | "cols" | "fromStride" | "fromOffset" | "toStride" | "toOffset"
> = {
  operands: {
    x: reads(
      "f32",
      ({ fromStride, fromOffset, ...size }) => blockEnd(size, fromStride, fromOffset),
    ),
    out: writes("f32", ({ toStride, toOffset, ...size }) => blockEnd(size, toStride, toOffset)),
  },
  params: {
    rows: "u32",
    cols: "u32",
    fromStride: "u32",
    fromOffset: "u32",
    toStride: "u32",
    toOffset: "u32",
  },
  shader: elementwise("copy_block", ({ rows, cols }) => rows * cols),
};

function lengthOf({ length }: { readonly length: number }): number {
  return length;
}

/** One past the last element of a block of `rows` x `cols` whose rows are `stride` apart. */
function blockEnd(
  { rows, cols }: { readonly rows: number; readonly cols: number },
  stride: number,
  offset: number,
): number {
  return rows === 0 || cols === 0 ? 0 : (rows - 1) * stride + offset + cols;
}
