// Sines and cosines of whole turns, as the comments in src/device/kernels/ define them.

import type { Reference } from "./reference.ts";

export const fourierFeatures: Reference<"fourier_features"> = ({ x, out }, { rows, cols }) => {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      const angle = 2 * Math.PI * x[r * cols + c]!;
      out[r * 2 * cols + c] = Math.sin(angle);
      out[r * 2 * cols + cols + c] = Math.cos(angle);
    }
  }
};

export const fourierFeaturesBackward: Reference<"fourier_features_backward"> = (
  { y, dy, dx },
  { rows, cols },
) => {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      const [sine, cosine] = [r * 2 * cols + c, r * 2 * cols + cols + c];
      dx[r * cols + c] = 2 * Math.PI * (dy[sine]! * y[cosine]! - dy[cosine]! * y[sine]!);
    }
  }
};
