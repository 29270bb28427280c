import { fourierFeatures, fourierFeaturesBackward } from "../../reference/fourier_features.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";

const tolerance = { ofLargest: 4e-7 };
const SIZES = [[0, 3], [3, 0], [1, 1], [5, 63], [64, 1], [7, 151]];
/** Eighths of turns, where sine and cosine change places or signs, and many turns. */
const edges = Float32Array.from({ length: 42 }, (_, i) => (i - 16) / 8)
  .map((turns, i) => i < 33 ? turns : (i - 37) * 1000.3);

checkKernel("fourier_features", {
  reference: fourierFeatures,
  tolerance,
  cases: (random) => [
    {
      operands: { x: edges, out: random.signed(2 * edges.length + 3) },
      params: { rows: 6, cols: 7 },
    },
    ...SIZES.map(([rows, cols]) => ({
      operands: { x: random.signed(rows * cols, 8), out: random.signed(2 * rows * cols + 3) },
      params: { rows, cols },
    })),
  ],
});

checkKernel("fourier_features_backward", {
  reference: fourierFeaturesBackward,
  tolerance,
  cases: (random) =>
    SIZES.map(([rows, cols]) => ({
      operands: {
        y: random.signed(2 * rows * cols),
        dy: random.signed(2 * rows * cols),
        dx: random.signed(rows * cols + 3),
      },
      params: { rows, cols },
    })),
});
