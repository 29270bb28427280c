import assert from "node:assert/strict";
import { softmax } from "../../src/ops/softmax.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { softmax as referenceSoftmax } from "../reference/softmax.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const shape of [[2, 3, 5], [1], [1, 70]]) {
  testOnEachDevice(`softmax() of [${shape}] agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [shape],
      op: softmax,
      reference: (x) => {
        const cols = shape.at(-1)!;
        const out = new Float64Array(x.length);
        referenceSoftmax({ x: Float64Array.from(x), out }, { rows: x.length / cols, cols });
        return [...out];
      },
    });
  });
}

testOnEachDevice("softmax() gives -infinity exactly 0, and passes NaN on", async (device) => {
  using x = Tensor.from(device, [-Infinity, 1000, 1000, 1, NaN, 2], { shape: [2, 3] });
  using y = softmax(x);
  assertSameBits(await y.data(), [0, 0.5, 0.5, NaN, NaN, NaN]);
  using scalar = Tensor.from(device, [1], { shape: [] });
  assert.throws(() => softmax(scalar), { name: "RangeError", message: /\[..., C\], got \[\]/ });
});
