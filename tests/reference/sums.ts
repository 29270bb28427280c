// Sums over the columns, over the rows, and of squares.

import type { Reference } from "./reference.ts";

export const rowSums: Reference<"row_sums"> = ({ x, out }, { rows, cols, accumulate }) => {
  for (let r = 0; r < rows; r++) {
    let sum = accumulate ? out[r]! : 0;
    for (let c = 0; c < cols; c++) sum += x[r * cols + c]!;
    out[r] = sum;
  }
};

export const columnSums: Reference<"column_sums"> = ({ x, out }, { rows, cols, accumulate }) => {
  for (let c = 0; c < cols; c++) {
    let sum = accumulate ? out[c]! : 0;
    for (let r = 0; r < rows; r++) sum += x[r * cols + c]!;
    out[c] = sum;
  }
};
