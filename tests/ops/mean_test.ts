import assert from "node:assert/strict";
import { mean } from "../../src/ops/mean.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const shape of [[], [1], [131], [5, 13]]) {
  testOnEachDevice(`mean() of shape [${shape}] agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [shape],
      op: (x) => mean(x),
      reference: (x) => [x.reduce((total, value) => total + value, 0) / x.length],
    });
  });
}

testOnEachDevice("mean() refuses a tensor without elements", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [], { shape: [3, 0] });
  assert.throws(() => mean(x), { name: "RangeError", message: /\[3, 0\]/ });
});
