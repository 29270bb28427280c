// Kernels that walk along the rows of a matrix: the largest or smallest element, running sums, and sorting by merging.
// Elements are ordered with -0 equal to 0, and NaN beyond all numbers: it is both the largest and the smallest of a row.

import { type Kernel, type ParamValues, reads, writes } from "./kernel.ts";
import { elementwise, rowwise } from "./shaders.ts";

type RowsAndCols = ParamValues<"rows" | "cols">;

/** values[r] = the largest element of x[r, :], or the smallest; indices[r] = its column, the first of equal ones. cols > 0 */
export const row_extremes: Kernel<"x" | "values" | "indices", "rows" | "cols" | "smallest"> = {
  operands: {
    x: reads("f32", all),
    values: writes("f32", ({ rows }) => rows),
    indices: writes("u32", ({ rows }) => rows),
  },
  params: { rows: "u32", cols: "u32", smallest: "flag" },
  rules: [({ cols }) => cols > 0 ? undefined : "a row of no elements has no largest one"],
  shader: rowwise("row_extremes", (params) => params),
};

/** out[r, c] = sum of x[r, i] over i <= c, or over i >= c where `backwards` */
export const running_sums: Kernel<"x" | "out", "rows" | "cols" | "backwards"> = {
  operands: { x: reads("f32", all), out: writes("f32", all) },
  params: { rows: "u32", cols: "u32", backwards: "flag" },
  // A row per workgroup.
  shader: {
    stages: [{
      source: "running_sums",
      entryPoint: "main",
      workgroups: ({ rows, cols }) => cols === 0 ? 0 : rows,
    }],
  },
};

/**
 * A pass of a merge sort, of columns by their elements: `sorted` holds runs of length `run`, each in order, `out` gets runs of
 * twice the length. Equal elements keep their order. With run 1 the columns are in their own order, and `sorted` is not read.
 */
export const merge_runs: Kernel<
  "x" | "sorted" | "out",
  "rows" | "cols" | "run" | "descending"
> = {
  operands: {
    x: reads("f32", all),
    sorted: reads("u32", (params) => params.run === 1 ? 0 : all(params)),
    out: writes("u32", all),
  },
  params: { rows: "u32", cols: "u32", run: "u32", descending: "flag" },
  rules: [
    ({ run }) =>
      run >= 1 && run < 2 ** 31 ? undefined : `run must be from 1 to 2^31 - 1, got ${run}`,
  ],
  shader: elementwise("merge_runs", all),
};

function all({ rows, cols }: RowsAndCols): number {
  return rows * cols;
}
