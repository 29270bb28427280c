// Rotary position embedding, as the comment in src/device/kernels/ defines it.

import type { Reference } from "./reference.ts";

export const rotary: Reference<"rotary"> = ({ x, cos, sin, out }, params) => {
  const { rows, heads, positions, dim, rotaryBegin, rotaryDim, interleaved, sign } = params;
  const half = rotaryDim / 2;
  for (let r = 0; r < rows; r++) {
    const position = Math.floor(r / heads) % positions;
    for (let i = 0; i < dim; i++) out[r * dim + i] = x[r * dim + i]!;
    const first = r * dim + rotaryBegin;
    for (let i = 0; i < half; i++) {
      const [a, b] = interleaved ? [2 * i, 2 * i + 1] : [i, i + half];
      const [c, s] = [cos[position * half + i]!, sign * sin[position * half + i]!];
      out[first + a] = x[first + a]! * c - x[first + b]! * s;
      out[first + b] = x[first + a]! * s + x[first + b]! * c;
    }
  }
};
