// The largest elements of rows, and elements of rows by index, as the comments in src/device/kernels/ define them.

import type { Reference } from "./reference.ts";

export const topK: Reference<"top_k"> = ({ x, indices }, { rows, cols, count }) => {
  for (let r = 0; r < rows; r++) {
    const row = [...x.subarray(r * cols, (r + 1) * cols)];
    const order = row.map((_, c) => c).sort((a, b) => rank(row[b]!) - rank(row[a]!) || a - b);
    for (let j = 0; j < count; j++) indices[r * count + j] = order[j]!;
  }
};

export const gatherColumns: Reference<"gather_columns"> = (
  { x, indices, out },
  { rows, cols, count },
) => {
  for (let at = 0; at < rows * count; at++) {
    out[at] = x[Math.floor(at / count) * cols + indices[at]!]!;
  }
};

export const gatherColumnsBackward: Reference<"gather_columns_backward"> = (
  { indices, dy, dx },
  { rows, cols, count },
) => {
  dx.fill(0, 0, rows * cols);
  for (let at = 0; at < rows * count; at++) {
    dx[Math.floor(at / count) * cols + indices[at]!]! += dy[at]!;
  }
};

/** Finite numbers that compare as the elements do: NaN is the largest. */
function rank(value: number): number {
  if (Number.isNaN(value)) return 2e300;
  return Math.max(-1e300, Math.min(value, 1e300));
}
