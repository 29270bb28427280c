import { columnSums, rowSums } from "../../reference/sums.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";
import { ODD_SHAPES } from "../../support/device/random_values.ts";

for (const [kernel, reference] of [["row_sums", rowSums], ["column_sums", columnSums]] as const) {
  checkKernel(kernel, {
    reference,
    tolerance: { relative: 1e-6, ofLargest: 1e-6 },
    cases: (random) =>
      ODD_SHAPES.flatMap(([rows, cols]) =>
        [0, 1].map((accumulate) => ({
          operands: {
            x: random.positive(rows * cols),
            out: random.signed((kernel === "row_sums" ? rows : cols) + 3, 50),
          },
          params: { rows, cols, accumulate },
        }))
      ),
  });
}
