import assert from "node:assert/strict";
import { add } from "../../src/ops/add.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const shape of [[], [1], [63], [5, 13], [2, 3, 11]]) {
  testOnEachDevice(`add() of shape [${shape}] agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [shape, shape],
      op: add,
      reference: (a, b) => a.map((value, i) => value + b[i]),
    });
  });
}

testOnEachDevice("add() refuses operands of different shapes and names both", async (device) => {
  await Promise.resolve();
  using a = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  using b = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [3, 2] });
  assert.throws(() => add(a, b), {
    name: "RangeError",
    message: /add\(\) .* \[2, 3\] and \[3, 2\]: reshape\(\)/,
  });
});
