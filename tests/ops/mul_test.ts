import assert from "node:assert/strict";
import { mul } from "../../src/ops/mul.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const shape of [[], [1], [65], [7, 9]]) {
  testOnEachDevice(`mul() of shape [${shape}] agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [shape, shape],
      op: mul,
      reference: (a, b) => a.map((value, i) => value * b[i]),
    });
  });
}

testOnEachDevice("mul() of a tensor with itself has gradient 2 x", async (device) => {
  await checkGradients(device, {
    shapes: [[3, 5]],
    op: (x) => mul(x, x),
    reference: (x) => x.map((value) => value * value),
  });
});

testOnEachDevice("mul() refuses operands of different shapes", async (device) => {
  await Promise.resolve();
  using a = Tensor.from(device, [1, 2]);
  using b = Tensor.from(device, [1, 2, 3]);
  assert.throws(() => mul(a, b), { name: "RangeError", message: /mul\(\) .* \[2\] and \[3\]/ });
});
