import { accumulate, copyBlock, fill } from "../../reference/elementwise.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";
import { ODD_LENGTHS, ODD_SHAPES } from "../../support/device/random_values.ts";

// One or two roundings per element.
const tolerance = { relative: 2e-7, ofLargest: 2e-7 };

checkKernel("accumulate", {
  reference: accumulate,
  tolerance,
  cases: (random) =>
    ODD_LENGTHS.map((length) => ({
      operands: { x: random.signed(length), out: random.signed(length + 5, 9) },
      params: { length, factor: -1.7 },
    })),
});

checkKernel("fill", {
  reference: fill,
  tolerance: {},
  cases: (random) =>
    ODD_LENGTHS.map((length) => ({
      operands: { out: random.signed(length + 9) },
      params: { offset: 3, length, value: 0.625 },
    })),
});

checkKernel("copy_block", {
  reference: copyBlock,
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
