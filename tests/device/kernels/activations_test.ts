import * as reference from "../../reference/activations.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";
import { ODD_LENGTHS } from "../../support/device/random_values.ts";

// exp is a polynomial, good to a few units in the last place of 1.
const tolerance = { relative: 1e-6, ofLargest: 1e-6 };
const edges = Float32Array.of(0, -0, 1e-8, -1e-8, 0.5, -0.5, 3, -3, 9, -9, -20, 20, -50, 50);

const ACTIVATIONS = [
  ["relu", reference.relu, reference.reluBackward],
  ["silu", reference.silu, reference.siluBackward],
  ["gelu_tanh", reference.geluTanh, reference.geluTanhBackward],
  ["hyperbolic_tangent", reference.hyperbolicTangent, reference.hyperbolicTangentBackward],
] as const;

for (const [kernel, forward, backward] of ACTIVATIONS) {
  checkKernel(kernel, {
    reference: forward,
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
  checkKernel(`${kernel}_backward`, {
    reference: backward,
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
