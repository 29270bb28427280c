import assert from "node:assert/strict";
import { normalizeSums } from "../../src/ops/normalize_sums.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const shape of [[2, 3, 5], [1], [1, 70], [0, 3]]) {
  testOnEachDevice(`normalizeSums() of [${shape}] agrees with its reference`, async (device) => {
    const cols = shape.at(-1)!;
    await checkGradients(device, {
      shapes: [shape],
      // Far from sums near 0, where the quotient is steep.
      op: (x) => normalizeSums(x, { eps: 200 }),
      reference: (x) =>
        x.map((value, at) => {
          const row = Math.floor(at / cols) * cols;
          return value / x.slice(row, row + cols).reduce((sum, each) => sum + each, 200);
        }),
    });
  });
}

testOnEachDevice("normalizeSums() divides rows by their sums", async (device) => {
  using x = Tensor.from(device, [1, 3, 0, 0, 2, -1], { shape: [3, 2] });
  using y = normalizeSums(x);
  assertSameBits(await y.data(), [0.25, 0.75, NaN, NaN, 2, -1]);
  using safe = normalizeSums(x, { eps: 1e-20 });
  assertSameBits(await safe.data(), [0.25, 0.75, 0, 0, 2, -1]);
  using scalar = Tensor.from(device, [1], { shape: [] });
  assert.throws(() => normalizeSums(scalar), { name: "RangeError", message: /got \[\]/ });
});
