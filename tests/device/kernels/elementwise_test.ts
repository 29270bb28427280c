import { judgeKernel } from "../../support/device/judged_kernel.ts";
import { ODD_LENGTHS, ODD_SHAPES } from "../../support/device/random_values.ts";

// One or two roundings per element.
const tolerance = { relative: 2e-7, ofLargest: 2e-7 };

for (const kernel of ["add", "mul"] as const) {
  judgeKernel(kernel, {
    tolerance,
    cases: (random) =>
      ODD_LENGTHS.map((length) => ({
        // Operands may be longer than what is asked for.
        operands: {
          a: random.signed(length + 2),
          b: random.signed(length),
          out: random.signed(length + 5, 9),
        },
        params: { length },
      })),
  });
}

judgeKernel("add_bias", {
  tolerance,
  cases: (random) =>
    ODD_SHAPES.map(([rows, cols]) => ({
      operands: {
        x: random.signed(rows * cols),
        bias: random.signed(cols),
        out: random.signed(rows * cols, 9),
      },
      params: { rows, cols },
    })),
});

for (const kernel of ["scale", "accumulate"] as const) {
  judgeKernel(kernel, {
    tolerance,
    cases: (random) =>
      ODD_LENGTHS.map((length) => ({
        operands: { x: random.signed(length), out: random.signed(length + 5, 9) },
        params: { length, factor: -1.7 },
      })),
  });
}

judgeKernel("scale_by", {
  tolerance,
  cases: (random) =>
    ODD_LENGTHS.map((length) => ({
      operands: {
        x: random.signed(length),
        factor: random.signed(1),
        out: random.signed(length + 5, 9),
      },
      params: { length },
    })),
});

judgeKernel("fill", {
  tolerance: {},
  cases: (random) =>
    ODD_LENGTHS.map((length) => ({
      operands: { out: random.signed(length + 9) },
      params: { offset: 3, length, value: 0.625 },
    })),
});

judgeKernel("copy_block", {
  tolerance: {},
  cases: (random) =>
    ODD_SHAPES.map(([rows, cols]) => ({
      operands: {
        x: random.signed(rows * (cols + 7) + 3),
        out: random.signed(rows * (cols + 2) + 1),
      },
      params: { rows, cols, fromStride: cols + 7, fromOffset: 3, toStride: cols + 2, toOffset: 1 },
    })),
});
