// Kernels that compute each element of their result from few elements of their operands.

import { type Kernel, reads, writes } from "./kernel.ts";
import { elementwise } from "./shaders.ts";

/** A function of two tensors of the same size. */
export type Binary = Kernel<"a" | "b" | "out", "length">;

/** out = a + b */
export const add: Binary = binary("add");

/** out = a * b */
export const mul: Binary = binary("mul");

/** out[rows, cols] = x[rows, cols] + bias[cols] */
export const add_bias: Kernel<"x" | "bias" | "out", "rows" | "cols"> = {
  operands: {
    x: reads("f32", ({ rows, cols }) => rows * cols),
    bias: reads("f32", ({ cols }) => cols),
    out: writes("f32", ({ rows, cols }) => rows * cols),
  },
  params: { rows: "u32", cols: "u32" },
  shader: elementwise("add_bias", ({ rows, cols }) => rows * cols),
};

/** out = factor * x */
export const scale: Kernel<"x" | "out", "length" | "factor"> = {
  operands: { x: reads("f32", lengthOf), out: writes("f32", lengthOf) },
  params: { length: "u32", factor: "f32" },
  shader: elementwise("scale", lengthOf),
};

/** out = factor[0] * x */
export const scale_by: Kernel<"x" | "factor" | "out", "length"> = {
  operands: {
    x: reads("f32", lengthOf),
    factor: reads("f32", () => 1),
    out: writes("f32", lengthOf),
  },
  params: { length: "u32" },
  shader: elementwise("scale_by", lengthOf),
};

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

function binary(source: string): Binary {
  return {
    operands: {
      a: reads("f32", lengthOf),
      b: reads("f32", lengthOf),
      out: writes("f32", lengthOf),
    },
    params: { length: "u32" },
    shader: elementwise(source, lengthOf),
  };
}

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
