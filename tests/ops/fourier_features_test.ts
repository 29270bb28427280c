import assert from "node:assert/strict";
import { fourierFeatures } from "../../src/ops/fourier_features.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

testOnEachDevice(
  "fourierFeatures() gives the sines and cosines of turns, and their gradient",
  async (device) => {
    for (const shape of [[3], [2, 3, 5]]) {
      const cols = shape.at(-1)!;
      await checkGradients(device, {
        shapes: [shape],
        op: fourierFeatures,
        reference: (x) =>
          Array.from({ length: 2 * x.length }, (_, at) => {
            const [row, col] = [Math.floor(at / cols / 2), at % (2 * cols)];
            const angle = 2 * Math.PI * x[row * cols + col % cols];
            return col < cols ? Math.sin(angle) : Math.cos(angle);
          }),
      });
    }
  },
);

testOnEachDevice("fourierFeatures() refuses a scalar", (device) => {
  using x = Tensor.from(device, [1], { shape: [] });
  assert.throws(() => fourierFeatures(x), /wants x of \[\.\.\., C\]/);
  return Promise.resolve();
});
