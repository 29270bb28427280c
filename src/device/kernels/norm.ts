// Layer norm and RMS norm of rows, and their gradients.

import { type Kernel, reads, writes } from "./kernel.ts";
import { downColumns, type Rows, rowwise } from "./shaders.ts";

/**
 * Of each row of x[rows, cols], with mean = mean_c x where centred, else 0, and rstd = 1 / sqrt(mean_c (x - mean)^2 + eps):
 *   out = (x - mean) rstd (offset + weight[cols]) + bias[cols],  moments[r] = (mean, rstd)
 */
export const norm: Kernel<
  "x" | "weight" | "bias" | "out" | "moments",
  "rows" | "cols" | "biasLength" | "eps" | "centred" | "offset"
> = {
  operands: {
    x: reads("f32", elements),
    weight: reads("f32", ({ cols }) => cols),
    bias: reads("f32", ({ biasLength }) => biasLength),
    out: writes("f32", elements),
    moments: writes("f32", ({ rows }) => 2 * rows),
  },
  params: {
    rows: "u32",
    cols: "u32",
    // cols, or 0 for none (bind `device.empty`).
    biasLength: "u32",
    eps: "f32",
    centred: "flag",
    offset: "f32",
  },
  rules: [
    ({ biasLength, cols }) =>
      biasLength === 0 || biasLength === cols
        ? undefined
        : `biasLength must be 0 or cols = ${cols}, got ${biasLength}`,
  ],
  shader: rowwise("norm", (params) => params),
};

/** With h = (x - mean) rstd, g = dy (offset + weight):  dx = rstd (g - mean_c g - h mean_c (g h)), the first mean only where centred */
export const norm_backward: Kernel<
  "x" | "weight" | "dy" | "moments" | "dx",
  "rows" | "cols" | "centred" | "offset"
> = {
  operands: {
    x: reads("f32", elements),
    weight: reads("f32", ({ cols }) => cols),
    dy: reads("f32", elements),
    moments: reads("f32", ({ rows }) => 2 * rows),
    dx: writes("f32", elements),
  },
  params: { rows: "u32", cols: "u32", centred: "flag", offset: "f32" },
  shader: rowwise("norm_backward", (params) => params),
};

/** dweight[cols] = sum over rows of dy (x - mean) rstd */
export const norm_weight_backward: Kernel<"x" | "dy" | "moments" | "dweight", "rows" | "cols"> = {
  operands: {
    x: reads("f32", elements),
    dy: reads("f32", elements),
    moments: reads("f32", ({ rows }) => 2 * rows),
    dweight: writes("f32", ({ cols }) => cols),
  },
  params: { rows: "u32", cols: "u32" },
  shader: downColumns("norm_weight_backward"),
};

function elements({ rows, cols }: Rows): number {
  return rows * cols;
}
