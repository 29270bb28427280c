// Softmax of rows and its gradient.

import { type Kernel, reads, writes } from "./kernel.ts";
import { type Rows, rowwise } from "./shaders.ts";

/** out[r, c] = e^x[r, c] / sum_c e^x[r, c] */
export const softmax: Kernel<"x" | "out", "rows" | "cols"> = {
  operands: { x: reads("f32", elements), out: writes("f32", elements) },
  params: { rows: "u32", cols: "u32" },
  shader: rowwise("softmax", (params) => params),
};

/** dx[r, c] = y[r, c] (dy[r, c] - sum_c y[r, c] dy[r, c]) */
export const softmax_backward: Kernel<"y" | "dy" | "dx", "rows" | "cols"> = {
  operands: {
    y: reads("f32", elements),
    dy: reads("f32", elements),
    dx: writes("f32", elements),
  },
  params: { rows: "u32", cols: "u32" },
  shader: rowwise("softmax_backward", (params) => params),
};

function elements({ rows, cols }: Rows): number {
  return rows * cols;
}
