import {
  accumulate,
  add,
  addBias,
  copyBlock,
  fill,
  mul,
  scale,
  scaleBy,
} from "../../reference/elementwise.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";
import { ODD_LENGTHS, ODD_SHAPES } from "../../support/device/random_values.ts";

// One or two roundings per element.
const tolerance = { relative: 2e-7, ofLargest: 2e-7 };

for (const [kernel, reference] of [["add", add], ["mul", mul]] as const) {
  checkKernel(kernel, {
    reference,
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

checkKernel("add_bias", {
  reference: addBias,
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

for (const [kernel, reference] of [["scale", scale], ["accumulate", accumulate]] as const) {
  checkKernel(kernel, {
    reference,
    tolerance,
    cases: (random) =>
      ODD_LENGTHS.map((length) => ({
        operands: { x: random.signed(length), out: random.signed(length + 5, 9) },
        params: { length, factor: -1.7 },
      })),
  });
}

checkKernel("scale_by", {
  reference: scaleBy,
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
