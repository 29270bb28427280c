import { gatherColumns, gatherColumnsBackward, topK } from "../../reference/selection.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";

// [rows, cols, count]
const SIZES = [[0, 3, 2], [1, 1, 1], [7, 5, 5], [65, 8, 2], [64, 63, 4], [131, 257, 6], [3, 4, 0]];

checkKernel("top_k", {
  reference: topK,
  tolerance: {},
  cases: (random) =>
    SIZES.flatMap(([rows, cols, count]) => {
      const special = [NaN, Infinity, -Infinity, 0, -0, -NaN, 1e-42, -1e-42];
      const values = [
        random.signed(rows * cols),
        // Few values, so that most are equal.
        random.signed(rows * cols, 2).map(Math.round),
        random.signed(rows * cols).map((x, at) => at % 3 === 0 ? special[at % special.length] : x),
      ];
      return values.map((x) => ({
        operands: { x, indices: random.indices(rows * count + 1, 7) },
        params: { rows, cols, count },
      }));
    }),
});

checkKernel("gather_columns", {
  reference: gatherColumns,
  tolerance: {},
  cases: (random) =>
    SIZES.map(([rows, cols, count]) => ({
      operands: {
        x: random.signed(rows * cols),
        indices: random.indices(rows * count, cols),
        out: random.signed(rows * count + 1),
      },
      params: { rows, cols, count },
    })),
});

checkKernel("gather_columns_backward", {
  reference: gatherColumnsBackward,
  tolerance: { ofLargest: 1e-6 },
  cases: (random) =>
    SIZES.map(([rows, cols, count]) => ({
      operands: {
        indices: random.indices(rows * count, cols),
        dy: random.signed(rows * count),
        dx: random.signed(rows * cols + 1),
      },
      params: { rows, cols, count },
    })),
});
