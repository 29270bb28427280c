// Rotary position embedding.

import { type Kernel, reads, writes } from "./kernel.ts";
import { elementwise } from "./shaders.ts";

/**
 * x[rows, dim], row r at position r / heads % positions; of each row the first rotaryDim features are rotated in pairs
 * (a, b), which are (i, i + rotaryDim / 2), or (2 i, 2 i + 1) where interleaved, by the angles [positions, rotaryDim / 2]:
 *   out = (a cos - b sign sin, a sign sin + b cos); sign -1 rotates back
 */
export const rotary: Kernel<
  "x" | "cos" | "sin" | "out",
  "rows" | "heads" | "positions" | "dim" | "rotaryDim" | "interleaved" | "sign"
> = {
  operands: {
    x: reads("f32", ({ rows, dim }) => rows * dim),
    cos: reads("f32", ({ positions, rotaryDim }) => positions * Math.floor(rotaryDim / 2)),
    sin: reads("f32", ({ positions, rotaryDim }) => positions * Math.floor(rotaryDim / 2)),
    out: writes("f32", ({ rows, dim }) => rows * dim),
  },
  params: {
    rows: "u32",
    heads: "u32",
    positions: "u32",
    dim: "u32",
    rotaryDim: "u32",
    interleaved: "flag",
    sign: "f32",
  },
  rules: [
    ({ rotaryDim, dim, heads, positions }) =>
      rotaryDim % 2 === 0 && rotaryDim <= dim && heads > 0 && positions > 0
        ? undefined
        : `rotaryDim must be even and at most dim, heads and positions above 0, got ${rotaryDim}, ` +
          `${dim}, ${heads} and ${positions}`,
  ],
  shader: elementwise("rotary", ({ rows, dim }) => rows * dim),
};
