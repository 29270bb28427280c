import {
  normalizeSums,
  normalizeSumsBackward,
  softmax,
  softmaxBackward,
} from "../../reference/softmax.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";
import { ODD_SHAPES } from "../../support/device/random_values.ts";

const SHAPES = [...ODD_SHAPES, [3, 1500], [70, 300]] as const;

checkKernel("softmax", {
  reference: softmax,
  // Differences of numbers up to 100 are rounded by 1e-5 at most, and so are their powers, relatively.
  tolerance: { relative: 1e-5 },
  cases: (random) =>
    SHAPES.flatMap(([rows, cols]) =>
      // Powers of large numbers would overflow where they are not shifted.
      [1, 40].map((largest) => ({
        operands: {
          // Some are -infinity, though no whole row.
          x: random.signed(rows * cols, largest).map((x, at) => at % 7 === 5 ? -Infinity : x + 60),
          out: random.signed(rows * cols + 2),
        },
        params: { rows, cols },
      }))
    ).filter(({ params }) => params.cols !== 1),
});

checkKernel("softmax_backward", {
  reference: softmaxBackward,
  tolerance: { relative: 2e-6, ofLargest: 2e-6 },
  cases: (random) =>
    SHAPES.map(([rows, cols]) => ({
      operands: {
        y: random.signed(rows * cols),
        dy: random.signed(rows * cols),
        dx: random.signed(rows * cols + 2),
      },
      params: { rows, cols },
    })),
});

checkKernel("normalize_sums", {
  reference: normalizeSums,
  tolerance: { relative: 2e-6 },
  cases: (random) =>
    SHAPES.map(([rows, cols]) => ({
      operands: { x: random.positive(rows * cols), out: random.signed(rows * cols + 2) },
      params: { rows, cols, eps: 0.25 },
    })),
});

checkKernel("normalize_sums_backward", {
  reference: normalizeSumsBackward,
  tolerance: { relative: 2e-6, ofLargest: 2e-6 },
  cases: (random) =>
    SHAPES.map(([rows, cols]) => ({
      operands: {
        x: random.positive(rows * cols),
        dy: random.signed(rows * cols),
        dx: random.signed(rows * cols + 2),
      },
      params: { rows, cols, eps: 0.25 },
    })),
});
