// Rows that add up to 1, by softmax or by division, and gradients.

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

/** out[r, c] = x[r, c] / (sum_c x[r, c] + eps) */
export const normalize_sums: Kernel<"x" | "out", "rows" | "cols" | "eps"> = {
  operands: { x: reads("f32", elements), out: writes("f32", elements) },
  params: { rows: "u32", cols: "u32", eps: "f32" },
  shader: rowwise("normalize_sums", (params) => params),
};

/** dx[r, c] = (dy[r, c] - sum_c y[r, c] dy[r, c]) / (sum_c x[r, c] + eps), where y = x / (sum_c x + eps) */
export const normalize_sums_backward: Kernel<"x" | "dy" | "dx", "rows" | "cols" | "eps"> = {
  operands: {
    x: reads("f32", elements),
    dy: reads("f32", elements),
    dx: writes("f32", elements),
  },
  params: { rows: "u32", cols: "u32", eps: "f32" },
  shader: rowwise("normalize_sums_backward", (params) => params),
};

function elements({ rows, cols }: Rows): number {
  return rows * cols;
}
