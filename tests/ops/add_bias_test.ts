import assert from "node:assert/strict";
import { addBias } from "../../src/ops/add_bias.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const shape of [[7], [5, 13], [2, 3, 65], [0, 4]]) {
  testOnEachDevice(`addBias() to shape [${shape}] agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [shape, [shape.at(-1)!]],
      op: addBias,
      reference: (x, bias) => x.map((value, i) => value + bias[i % bias.length]),
    });
  });
}

testOnEachDevice("addBias() refuses a bias of another length", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  using bias = Tensor.from(device, [1, 2]);
  assert.throws(() => addBias(x, bias), { name: "RangeError", message: /\[2, 3\] and \[2\]/ });
});
