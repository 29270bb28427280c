import { gelu, geluBackward } from "../../reference/gelu.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";
import { ODD_LENGTHS } from "../../support/device/random_values.ts";

// erf and exp are polynomials, good to a few units in the last place of 1.
const tolerance = { relative: 1e-6, ofLargest: 1e-6 };
const edges = Float32Array.of(0, -0, 1e-8, -1e-8, 0.5, -0.5, 5.6, 5.7, -5.6, -5.7, -12, 12);

checkKernel("gelu", {
  reference: gelu,
  tolerance,
  cases: (random) => [
    { operands: { x: edges, out: random.signed(edges.length) }, params: { length: edges.length } },
    ...ODD_LENGTHS.map((length) => ({
      operands: { x: random.signed(length, 4), out: random.signed(length + 5) },
      params: { length },
    })),
  ],
});

checkKernel("gelu_backward", {
  reference: geluBackward,
  tolerance,
  cases: (random) => [
    {
      operands: {
        x: edges,
        dy: random.signed(edges.length),
        dx: random.signed(edges.length),
      },
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
