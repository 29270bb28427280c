import assert from "node:assert/strict";
import { linear } from "../../src/ops/linear.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (
  const [leading, numIn, numOut] of [
    [[], 3, 2],
    [[1], 1, 1],
    [[5], 7, 3],
    [[2, 3], 5, 13],
    [[3], 2, 65],
    [[0], 3, 2],
  ] as const
) {
  const shape = [...leading, numIn];
  const title = `linear() of [${shape}] to ${numOut} features`;
  testOnEachDevice(`${title} agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [shape, [numOut, numIn], [numOut]],
      op: linear,
      reference: affine,
    });
  });
  testOnEachDevice(`${title} without bias agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [shape, [numOut, numIn]],
      op: linear,
      reference: (x, weight) => affine(x, weight, new Array(numOut).fill(0)),
    });
  });
}

testOnEachDevice(
  "linear() refuses an input of other features and names both shapes",
  async (device) => {
    await Promise.resolve();
    using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
    using weight = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
    using bias = Tensor.from(device, [1, 2, 3]);
    assert.throws(() => linear(x, weight), {
      name: "RangeError",
      message: /\[2, 3\] and \[2, 2\]/,
    });
    using y = Tensor.from(device, [1, 2], { shape: [1, 2] });
    assert.throws(() => linear(y, weight, bias), {
      name: "RangeError",
      message: /bias of \[2\] .* got \[3\]/,
    });
  },
);

function affine(x: number[], weight: number[], bias: number[]): number[] {
  const numOut = bias.length;
  const numIn = weight.length / numOut;
  return Array.from({ length: x.length / numIn * numOut }, (_, at) => {
    const [row, out] = [Math.floor(at / numOut), at % numOut];
    let sum = bias[out];
    for (let i = 0; i < numIn; i++) sum += x[row * numIn + i] * weight[out * numIn + i];
    return sum;
  });
}
