// Sums along the rows and columns of a matrix.

import { type Kernel, reads, writes } from "./kernel.ts";
import { downColumns, rowwise } from "./shaders.ts";

/** A sum along one dim; accumulate 1: out += sums, 0: out = sums. */
export type Sums = Kernel<"x" | "out", "rows" | "cols" | "accumulate">;

/** out[rows] (+)= sum over columns of x[rows, cols] */
export const row_sums: Sums = {
  operands: {
    x: reads("f32", ({ rows, cols }) => rows * cols),
    out: writes("f32", ({ rows }) => rows),
  },
  params: { rows: "u32", cols: "u32", accumulate: "flag" },
  shader: rowwise("row_sums", (params) => params),
};

/** out[cols] (+)= sum over rows of x[rows, cols] */
export const column_sums: Sums = {
  operands: {
    x: reads("f32", ({ rows, cols }) => rows * cols),
    out: writes("f32", ({ cols }) => cols),
  },
  params: { rows: "u32", cols: "u32", accumulate: "flag" },
  shader: downColumns("column_sums"),
};
