import { rotary } from "../../reference/rotary.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";

checkKernel("rotary", {
  reference: rotary,
  tolerance: { relative: 1e-6, ofLargest: 1e-6 },
  cases: (random) =>
    [
      // batch, positions, heads, dim, rotaryDim, rotaryBegin
      [0, 3, 2, 4, 4],
      [1, 1, 1, 2, 2],
      [2, 3, 2, 4, 4],
      [1, 5, 3, 64, 64],
      [2, 7, 1, 10, 6],
      [2, 7, 3, 10, 6, 4],
      [1, 5, 2, 9, 4, 3],
      [1, 33, 2, 5, 0],
    ].flatMap(([batch, positions, heads, dim, rotaryDim, rotaryBegin = 0]) =>
      [0, 1].flatMap((interleaved) =>
        [-1, 1].map((sign) => {
          const rows = batch * positions * heads;
          const angles = random.signed(positions * rotaryDim / 2, 3);
          return {
            operands: {
              x: random.signed(rows * dim),
              cos: angles.map(Math.cos),
              sin: angles.map(Math.sin),
              out: random.signed(rows * dim + 3),
            },
            params: { rows, heads, positions, dim, rotaryBegin, rotaryDim, interleaved, sign },
          };
        })
      )
    ),
});
