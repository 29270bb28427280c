import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm.ts";
import { judgeKernel, runOnDevice } from "./judged_kernel.ts";
import { ODD_LENGTHS, ODD_SHAPES, RandomValues } from "./random_values.ts";

for (const kernel of ["row_sums", "column_sums"] as const) {
  judgeKernel(kernel, {
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

judgeKernel("sum_squares", {
  tolerance: { relative: 1e-6 },
  cases: (random) =>
    ODD_LENGTHS.map((length) => ({
      operands: { x: random.signed(length + 12), sums: random.signed(7) },
      params: { offset: 5, length, slot: 3 },
    })),
});

Deno.test("sum_squares on wasm keeps a relative error of 1e-6 over 16M elements", async () => {
  using device = wasmDevice();
  const length = 2 ** 24;
  const x = new RandomValues(1).positive(length);
  const { sums } = await runOnDevice(device, "sum_squares", {
    operands: { x, sums: new Float32Array(1) },
    params: { offset: 0, length, slot: 0 },
  });
  const want = x.reduce((sum, value) => sum + value * value, 0);
  assert.ok(Math.abs(sums![0]! / want - 1) <= 1e-6, `wanted ${want}, got ${sums![0]}`);
});
