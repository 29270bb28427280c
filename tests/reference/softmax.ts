// Softmax of rows and its gradient, as the comments in src/device/kernels/ define them.

import type { Reference } from "./reference.ts";

export const softmax: Reference<"softmax"> = ({ x, out }, { rows, cols }) => {
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * cols, (r + 1) * cols);
    const largest = row.reduce((max, value) => Math.max(max, value), -Infinity);
    const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
    for (let c = 0; c < cols; c++) out[r * cols + c] = Math.exp(row[c]! - largest) / sum;
  }
};

export const softmaxBackward: Reference<"softmax_backward"> = ({ y, dy, dx }, { rows, cols }) => {
  for (let r = 0; r < rows; r++) {
    let along = 0;
    for (let c = 0; c < cols; c++) along += y[r * cols + c]! * dy[r * cols + c]!;
    for (let c = 0; c < cols; c++) {
      dx[r * cols + c] = y[r * cols + c]! * (dy[r * cols + c]! - along);
    }
  }
};

export const normalizeSums: Reference<"normalize_sums"> = ({ x, out }, { rows, cols, eps }) => {
  for (let r = 0; r < rows; r++) {
    let sum = eps;
    for (let c = 0; c < cols; c++) sum += x[r * cols + c]!;
    for (let c = 0; c < cols; c++) out[r * cols + c] = x[r * cols + c]! / sum;
  }
};

export const normalizeSumsBackward: Reference<"normalize_sums_backward"> = (
  { x, dy, dx },
  { rows, cols, eps },
) => {
  for (let r = 0; r < rows; r++) {
    let [sum, along] = [eps, 0];
    for (let c = 0; c < cols; c++) {
      sum += x[r * cols + c]!;
      along += x[r * cols + c]! * dy[r * cols + c]!;
    }
    for (let c = 0; c < cols; c++) dx[r * cols + c] = (dy[r * cols + c]! - along / sum) / sum;
  }
};
