import assert from "node:assert/strict";
import { layerNorm, rmsNorm } from "../../src/ops/norm.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const [rows, cols] of [[1, 2], [3, 65], [2, 7]]) {
  testOnEachDevice(
    `layerNorm() of [${rows}, ${cols}] agrees with its reference`,
    async (device) => {
      await checkGradients(device, {
        shapes: [[rows, 1, cols], [cols], [cols]],
        op: (x, weight, bias) => layerNorm(x, { weight, bias, eps: 0.1 }),
        reference: (x, weight, bias) =>
          x.map((value, at) => {
            const row = rowOf(x, at, cols);
            const mean = meanOf(row);
            const variance = meanOf(row.map((each) => (each - mean) ** 2));
            return (value - mean) / Math.sqrt(variance + 0.1) * weight[at % cols] + bias[at % cols];
          }),
        tolerance: 1e-5,
      });
    },
  );
  testOnEachDevice(`rmsNorm() of [${rows}, ${cols}] agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [[rows, cols], [cols]],
      op: (x, weight) => rmsNorm(x, { weight, eps: 0.1 }),
      reference: (x, weight) =>
        x.map((value, at) => {
          const square = meanOf(rowOf(x, at, cols).map((each) => each ** 2));
          return value / Math.sqrt(square + 0.1) * weight[at % cols];
        }),
      tolerance: 1e-5,
    });
  });
}

testOnEachDevice("rmsNorm() adds an offset to weights", async (device) => {
  await checkGradients(device, {
    shapes: [[3, 5], [5]],
    op: (x, weight) => rmsNorm(x, { weight, eps: 0.1, offset: 1 }),
    reference: (x, weight) =>
      x.map((value, at) => {
        const square = meanOf(rowOf(x, at, 5).map((each) => each ** 2));
        return value / Math.sqrt(square + 0.1) * (1 + weight[at % 5]);
      }),
    tolerance: 1e-5,
  });
});

testOnEachDevice("norms refuse vectors of another length and an eps of 0", (device) => {
  using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  using weight = Tensor.from(device, [1, 1]);
  using fitting = Tensor.from(device, [1, 1, 1]);
  assert.throws(
    () => rmsNorm(x, { weight, eps: 1e-5 }),
    /rmsNorm\(\) wants x of \[..., C\].*\[2\]/,
  );
  assert.throws(() => layerNorm(x, { weight: fitting, bias: weight, eps: 1e-5 }), RangeError);
  assert.throws(() => rmsNorm(x, { weight: fitting, eps: 0 }), /wants eps > 0, got 0/);
  return Promise.resolve();
});

function rowOf(x: readonly number[], at: number, cols: number): number[] {
  const begin = at - at % cols;
  return x.slice(begin, begin + cols);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
