// Sines and cosines of whole turns, and their gradient.

import { type Kernel, reads, writes } from "./kernel.ts";
import { elementwise, type Rows } from "./shaders.ts";

/** out[r, c] = sin(2 pi x[r, c]), out[r, cols + c] = cos(2 pi x[r, c]), out of [rows, 2 cols] */
export const fourier_features: Kernel<"x" | "out", "rows" | "cols"> = {
  operands: {
    x: reads("f32", elements),
    out: writes("f32", (size) => 2 * elements(size)),
  },
  params: { rows: "u32", cols: "u32" },
  shader: elementwise("fourier_features", elements),
};

/** dx[r, c] = 2 pi (dy[r, c] y[r, cols + c] - dy[r, cols + c] y[r, c]), y the output */
export const fourier_features_backward: Kernel<"y" | "dy" | "dx", "rows" | "cols"> = {
  operands: {
    y: reads("f32", (size) => 2 * elements(size)),
    dy: reads("f32", (size) => 2 * elements(size)),
    dx: writes("f32", elements),
  },
  params: { rows: "u32", cols: "u32" },
  shader: elementwise("fourier_features_backward", elements),
};

function elements({ rows, cols }: Rows): number {
  return rows * cols;
}
