// The largest elements of rows, and elements of rows by index.

import { type Kernel, type ParamValues, reads, writes } from "./kernel.ts";
import { elementwise } from "./shaders.ts";

const params = { rows: "u32", cols: "u32", count: "u32" } as const;
type Param = keyof typeof params;

/**
 * indices[r, j] = the column of the j-th largest element of x[r, :], for j < count <= cols. Of equal ones the lowest column comes first;
 * -0 equals 0, and NaN is larger than all numbers.
 */
export const top_k: Kernel<"x" | "indices", Param> = {
  operands: { x: reads("f32", allOf), indices: writes("u32", chosenOf) },
  params,
  rules: [
    ({ count, cols }) =>
      count <= cols ? undefined : `count must be at most cols = ${cols}, got ${count}`,
  ],
  // A row per invocation.
  shader: {
    stages: [{
      source: "top_k",
      entryPoint: "main",
      workgroups: ({ rows, count }) => count === 0 ? 0 : Math.ceil(rows / 64),
    }],
  },
};

/** out[r, j] = x[r, indices[r, j]], for j < count; indices are under cols (checked on the host) */
export const gather_columns: Kernel<"x" | "indices" | "out", Param> = {
  operands: {
    x: reads("f32", allOf),
    indices: reads("u32", chosenOf),
    out: writes("f32", chosenOf),
  },
  params,
  shader: elementwise("gather_columns", chosenOf),
};

/** dx[r, c] = sum of dy[r, j] over the j with indices[r, j] = c, in the order of j */
export const gather_columns_backward: Kernel<"indices" | "dy" | "dx", Param> = {
  operands: {
    indices: reads("u32", chosenOf),
    dy: reads("f32", chosenOf),
    dx: writes("f32", allOf),
  },
  params,
  shader: elementwise("gather_columns_backward", allOf),
};

function allOf({ rows, cols }: ParamValues<Param>): number {
  return rows * cols;
}

function chosenOf({ rows, count }: ParamValues<Param>): number {
  return rows * count;
}
