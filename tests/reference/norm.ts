// Layer norm and RMS norm of rows, and their gradients, as the comments in src/device/kernels/ define them.

import type { Reference } from "./reference.ts";

export const norm: Reference<"norm"> = ({ x, weight, bias, out, moments }, params) => {
  const { rows, cols, biasLength, eps, centred, offset } = params;
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * cols, (r + 1) * cols);
    const mean = centred ? row.reduce((sum, value) => sum + value, 0) / cols : 0;
    const square = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cols;
    const rstd = 1 / Math.sqrt(square + eps);
    for (let c = 0; c < cols; c++) {
      const scaled = (row[c]! - mean) * rstd * (offset + weight[c]!);
      out[r * cols + c] = scaled + (biasLength ? bias[c]! : 0);
    }
    moments.set([mean, rstd], 2 * r);
  }
};

export const normBackward: Reference<"norm_backward"> = (
  { x, weight, dy, moments, dx },
  { rows, cols, centred, offset },
) => {
  for (let r = 0; r < rows; r++) {
    const [mean, rstd] = moments.subarray(2 * r);
    let [sum, along] = [0, 0];
    for (let c = 0; c < cols; c++) {
      const g = dy[r * cols + c]! * (offset + weight[c]!);
      sum += g / cols;
      along += g * (x[r * cols + c]! - mean!) * rstd! / cols;
    }
    for (let c = 0; c < cols; c++) {
      const h = (x[r * cols + c]! - mean!) * rstd!;
      const g = dy[r * cols + c]! * (offset + weight[c]!);
      dx[r * cols + c] = rstd! * (g - (centred ? sum : 0) - h * along);
    }
  }
};

export const normWeightBackward: Reference<"norm_weight_backward"> = (
  { x, dy, moments, dweight },
  { rows, cols },
) => {
  for (let c = 0; c < cols; c++) {
    dweight[c] = 0;
    for (let r = 0; r < rows; r++) {
      dweight[c]! += dy[r * cols + c]! * (x[r * cols + c]! - moments[2 * r]!) *
        moments[2 * r + 1]!;
    }
  }
};
