import assert from "node:assert/strict";
import { matmul } from "../../src/ops/matmul.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (
  const [leading, k, n] of [
    [[1], 1, 1],
    [[5], 7, 3],
    [[2, 3], 5, 13],
    [[4], 65, 2],
    [[0], 3, 2],
  ] as const
) {
  const shape = [...leading, k];
  testOnEachDevice(
    `matmul() of [${shape}] and [${k},${n}] agrees with its reference`,
    async (device) => {
      await checkGradients(device, {
        shapes: [shape, [k, n]],
        op: matmul,
        reference: (a, b) => product(a, b, n),
      });
    },
  );
}

testOnEachDevice(
  "matmul() adds a bias to every row, and sums its gradient over rows",
  async (device) => {
    await checkGradients(device, {
      shapes: [[2, 3, 5], [5, 7], [7]],
      op: matmul,
      reference: (a, b, bias) => product(a, b, 7).map((value, at) => value + bias[at % 7]),
    });
    using a = Tensor.from(device, [1, 2], { shape: [1, 2] });
    using b = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
    using bias = Tensor.from(device, [1, 2, 3]);
    assert.throws(() => matmul(a, b, bias), {
      name: "RangeError",
      message: /bias of \[2\].*\[3\]/,
    });
  },
);

testOnEachDevice("matmul() refuses shapes that do not fit and names both", async (device) => {
  await Promise.resolve();
  using a = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  using b = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  assert.throws(() => matmul(a, b), { name: "RangeError", message: /\[2, 3\] and \[2, 2\]/ });
});

function product(a: number[], b: number[], n: number): number[] {
  const k = b.length / n;
  return Array.from({ length: a.length / k * n }, (_, at) => {
    const [row, col] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let i = 0; i < k; i++) sum += a[row * k + i] * b[i * n + col];
    return sum;
  });
}
