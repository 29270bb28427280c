// Rotary position embedding.

import { type Kernel, reads, writes } from "./kernel.ts";
import { elementwise } from "./shaders.ts";

/**
 * x[rows, dim], row r at position r / heads % positions; of each row rotaryDim features from rotaryBegin on are rotated in pairs
 * (a, b), which are (i, i + rotaryDim / 2), or (2 i, 2 i + 1) where interleaved, by the angles [positions, rotaryDim / 2]:
 *   out = (a cos - b sign sin, a sign sin + b cos); sign -1 rotates back
 */
export const rotary: Kernel<
  "x" | "cos" | "sin" | "out",
  "rows" | "heads" | "positions" | "dim" | "rotaryBegin" | "rotaryDim" | "interleaved" | "sign"
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
    rotaryBegin: "u32",
    rotaryDim: "u32",
    interleaved: "flag",
    sign: "f32",
  },
  rules: [
    ({ rotaryBegin, rotaryDim, dim, heads, positions }) =>
      rotaryDim % 2 === 0 && rotaryBegin + rotaryDim <= dim && heads > 0 && positions > 0
        ? undefined
        : `rotaryDim must be even, rotaryBegin and it together at most dim, heads and positions above 0, got ${rotaryDim}, ` +
          `${rotaryBegin}, ${dim}, ${heads} and ${positions}`,
  ],
  shader: elementwise("rotary", ({ rows, dim }) => rows * dim),
};
