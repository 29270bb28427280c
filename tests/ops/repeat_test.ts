import assert from "node:assert/strict";
import { repeat } from "../../src/ops/repeat.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const [shape, times] of [[[2, 3], 4], [[5], 1], [[1, 7, 9], 33], [[0, 3], 2]] as const) {
  testOnEachDevice(
    `repeat() of [${shape}], ${times} times, agrees with its reference`,
    async (device) => {
      await checkGradients(device, {
        shapes: [shape],
        op: (x) => repeat(x, times),
        reference: (x) => Array.from({ length: times }, () => [...x]).flat(),
      });
    },
  );
}

testOnEachDevice("repeat() refuses what is no number of times", (device) => {
  using x = Tensor.from(device, [1, 2], { shape: [2] });
  for (const times of [0, -1, 1.5, NaN]) {
    assert.throws(
      () => repeat(x, times),
      /repeat\(\) wants a number of times from 1, got .* for \[2\]/,
    );
  }
  return Promise.resolve();
});
