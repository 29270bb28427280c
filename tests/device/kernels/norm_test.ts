import { norm, normBackward, normWeightBackward } from "../../reference/norm.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";
import { ODD_SHAPES } from "../../support/device/random_values.ts";

const tolerance = { relative: 2e-6, ofLargest: 2e-6 };
const SHAPES = [...ODD_SHAPES, [3, 1500], [70, 300]] as const;

checkKernel("norm", {
  reference: norm,
  tolerance,
  cases: (random) =>
    SHAPES.flatMap(([rows, cols]) =>
      [0, 1].flatMap((centred) =>
        [0, cols].map((biasLength) => ({
          operands: {
            // Far from 0, so that the mean must be taken out first.
            x: random.signed(rows * cols).map((x) => x + 3),
            weight: random.signed(cols),
            bias: random.signed(cols + 1),
            out: random.signed(rows * cols + 2),
            moments: random.signed(2 * rows + 1),
          },
          params: { rows, cols, biasLength, eps: 1e-5, centred, offset: 1 - centred },
        }))
      )
    ),
});

checkKernel("norm_backward", {
  reference: normBackward,
  tolerance,
  cases: (random) =>
    SHAPES.flatMap(([rows, cols]) =>
      [0, 1].map((centred) => ({
        operands: {
          x: random.signed(rows * cols),
          weight: random.signed(cols),
          dy: random.signed(rows * cols),
          moments: random.positive(2 * rows),
          dx: random.signed(rows * cols + 2),
        },
        params: { rows, cols, centred, offset: 1 - centred },
      }))
    ),
});

checkKernel("norm_weight_backward", {
  reference: normWeightBackward,
  tolerance,
  cases: (random) =>
    SHAPES.map(([rows, cols]) => ({
      operands: {
        x: random.signed(rows * cols),
        dy: random.signed(rows * cols),
        moments: random.positive(2 * rows),
        dweight: random.signed(cols + 2),
      },
      params: { rows, cols },
    })),
});
