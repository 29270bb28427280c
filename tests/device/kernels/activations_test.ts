import { judgeKernel } from "../../support/device/judged_kernel.ts";
import { ODD_LENGTHS } from "../../support/device/random_values.ts";

// exp is a polynomial, good to a few units in the last place of 1.
const tolerance = { relative: 1e-6, ofLargest: 1e-6 };
const edges = Float32Array.of(0, -0, 1e-8, -1e-8, 0.5, -0.5, 3, -3, 9, -9, -20, 20, -50, 50);

for (const kernel of ["relu", "silu", "gelu_tanh", "hyperbolic_tangent"] as const) {
  judgeKernel(kernel, {
    tolerance,
    cases: (random) => [
      {
        operands: { x: edges, out: random.signed(edges.length) },
        params: { length: edges.length },
      },
      ...ODD_LENGTHS.map((length) => ({
        operands: { x: random.signed(length, 4), out: random.signed(length + 5) },
        params: { length },
      })),
    ],
  });
  judgeKernel(`${kernel}_backward`, {
    tolerance,
    cases: (random) => [
      {
        operands: { x: edges, dy: random.signed(edges.length), dx: random.signed(edges.length) },
        params: { length: edges.length },
      },
      ...ODD_LENGTHS.map((length) => ({
        operands: {
          x: random.signed(length, 4),
          dy: random.signed(length),
          dx: random.signed(length + 5),
        },
        params: { length },
      })),
    ],
  });
}
