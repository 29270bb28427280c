import assert from "node:assert/strict";
import { permute } from "../../src/ops/permute.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (
  const { shape, order } of [
    { shape: [3, 5], order: [1, 0] },
    { shape: [2, 3, 4], order: [2, 0, 1] },
    { shape: [2, 3, 2, 5], order: [0, 2, 1, 3] },
    { shape: [2, 1, 3, 2, 2], order: [4, 3, 2, 1, 0] },
    { shape: [2, 3, 2, 2, 3, 2], order: [1, 0, 3, 2, 5, 4] },
    { shape: [2, 3, 2, 2, 3], order: [3, 4, 0, 1, 2] },
  ]
) {
  testOnEachDevice(`permute() of [${shape}] to [${order}] moves every element`, async (device) => {
    await checkGradients(device, {
      shapes: [shape],
      op: (x) => permute(x, order),
      reference: (x) => {
        const y: number[] = [];
        const walk = (index: number[]): void => {
          if (index.length < shape.length) {
            for (let i = 0; i < shape[order[index.length]]; i++) walk([...index, i]);
            return;
          }
          y.push(x[shape.reduce((at, length, dim) => at * length + index[order.indexOf(dim)], 0)]);
        };
        walk([]);
        return y;
      },
    });
  });
}

testOnEachDevice("permute() refuses an order without one of the dims", (device) => {
  using x = Tensor.from(device, [1, 2], { shape: [1, 2] });
  assert.throws(() => permute(x, [0, 0]), /every dim once/);
  return Promise.resolve();
});
