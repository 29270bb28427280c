// Every op takes operands stored in 16 bits, mixed with others: its values and gradients are those of the values that the
// operands hold, its result is f32, and nothing that it widened outlives the pass.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { add } from "../../src/ops/add.ts";
import { addRow } from "../../src/ops/add_row.ts";
import { cast } from "../../src/ops/cast.ts";
import { crossEntropy } from "../../src/ops/cross_entropy.ts";
import { embedding } from "../../src/ops/embedding.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { linear } from "../../src/ops/linear.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { scale } from "../../src/ops/scale.ts";
import { sum } from "../../src/ops/sum.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { type FloatTensor, Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../device/on_each_device.ts";
import { gelu as geluReference } from "../reference/gelu.ts";
import { checkGradients, type GradientCheck } from "./gradient_check.ts";

/** The same operands in f32 judge the op's maths elsewhere (<op>_test.ts); here plain loops say what it should give. */
const checks: Readonly<Record<string, (device: Device) => Omit<GradientCheck, "dtypes">>> = {
  add: () => ({
    shapes: [[3, 3], [3, 3]],
    op: add,
    reference: (a, b) => a.map((value, i) => value + b[i]),
  }),
  mul: () => ({
    shapes: [[5], [5]],
    op: mul,
    reference: (a, b) => a.map((value, i) => value * b[i]),
  }),
  addRow: () => ({
    shapes: [[3, 5], [5]],
    op: addRow,
    reference: (x, bias) => x.map((value, i) => value + bias[i % 5]),
  }),
  scale: () => ({
    shapes: [[7]],
    op: (x) => scale(x, -1.5),
    reference: (x) => x.map((value) => -1.5 * value),
  }),
  sum: () => ({
    shapes: [[3, 5]],
    op: sum,
    reference: (x) => [x.reduce((total, value) => total + value, 0)],
  }),
  mean: () => ({
    shapes: [[3, 5]],
    op: mean,
    reference: (x) => [x.reduce((total, value) => total + value, 0) / 15],
  }),
  gelu: () => ({
    shapes: [[7]],
    op: gelu,
    reference: (x) => {
      const out = new Float64Array(x.length);
      geluReference({ x: Float64Array.from(x), out }, { length: x.length });
      return [...out];
    },
  }),
  reshape: () => ({
    shapes: [[3, 5]],
    op: (x) => scale(reshape(x, [5, 3]), 1),
    reference: (x) => x,
  }),
  matmul: () => ({
    shapes: [[3, 5], [5, 7]],
    op: matmul,
    reference: (a, b) => product(a, b, { k: 5, n: 7, at: (i, j) => i * 7 + j }),
  }),
  linear: () => ({
    shapes: [[3, 5], [7, 5], [7]],
    op: linear,
    reference: (x, weight, bias) =>
      product(x, weight, { k: 5, n: 7, at: (i, j) => j * 5 + i }).map((y, at) => y + bias[at % 7]),
  }),
  embedding: (device) => ({
    shapes: [[5, 3]],
    op: (table) => embedding(table, Tensor.from(device, [4, 0, 4], { dtype: "u32" })),
    reference: (table) => [4, 0, 4].flatMap((row) => table.slice(row * 3, row * 3 + 3)),
  }),
  crossEntropy: (device) => ({
    shapes: [[2, 3]],
    op: (logits) => crossEntropy(logits, Tensor.from(device, [2, 0], { dtype: "u32" })),
    reference: (logits) => {
      const loss = (row: number[], target: number) =>
        Math.log(row.reduce((total, z) => total + Math.exp(z), 0)) - row[target];
      return [(loss(logits.slice(0, 3), 2) + loss(logits.slice(3), 0)) / 2];
    },
  }),
};

for (const [name, make] of Object.entries(checks)) {
  for (const dtype of ["f16", "bf16"] as const) {
    testOnEachDevice(
      `${name}() of operands in ${dtype} agrees with its reference`,
      async (device) => {
        const check = make(device);
        const stored = check.shapes.map(() => dtype);
        await checkGradients(device, { ...check, dtypes: stored });
        // Each operand alone in 16 bits, the others in f32, as parameters are among activations.
        for (let alone = 0; alone < stored.length && stored.length > 1; alone++) {
          const dtypes = stored.map((each, i): FloatType => i === alone ? each : "f32");
          await checkGradients(device, { ...check, dtypes });
        }
      },
    );
  }
}

testOnEachDevice("ops leave no widened operand behind", async (device) => {
  using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  const options = { shape: [3, 3], dtype: "bf16", requiresGrad: true } as const;
  using weight = Tensor.from(device, [1, 2, 3, 4, 5, 6, 7, 8, 9], options);
  const before = device.statistics().liveBytes;
  const y = linear(x, weight);
  using spare = Tensor.empty(device, [2, 3]);
  const ofOne = sizeOf(device, spare);
  assert.equal(device.statistics().liveBytes, before + 2 * ofOne);
  using loss = sum(y);
  await loss.backward();
  assert.equal(weight.grad!.dtype, "bf16");
  // Beside the spare only the loss, and the gradient in 16 bits, are left.
  assert.ok(device.statistics().liveBytes <= before + 3 * ofOne);
});

testOnEachDevice("cast() rounds forward and passes the gradient on unrounded", async (device) => {
  using x = Tensor.from(device, [1.001, -3.003, 70000], { requiresGrad: true });
  using factor = Tensor.from(device, [1.0001, 1.0002, 0]);
  const narrow = cast(x, "f16");
  assert.equal(narrow.dtype, "f16");
  assert.deepEqual([...await narrow.data()], [1.0009765625, -3.00390625, Infinity]);
  using loss = sum(mul(narrow, factor));
  await loss.backward();
  assert.deepEqual(await x.grad!.data(), await factor.data());
});

testOnEachDevice(
  "cast() to the type that a leaf has leaves the leaf to its owner",
  async (device) => {
    using x = Tensor.from(device, [1, 2, 3], { dtype: "bf16", requiresGrad: true });
    {
      using y = cast(x, "bf16");
      using loss = sum(y);
      await loss.backward();
    }
    assert.deepEqual([...await x.data(), ...await x.grad!.data()], [1, 2, 3, 1, 1, 1]);
  },
);

testOnEachDevice("cast() refuses indices", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [1], { dtype: "u32" });
  assert.throws(() => cast(x as unknown as FloatTensor, "f32"), {
    name: "TypeError",
    message: "cast() wants f32, f16 or bf16, got u32 to be cast to f32",
  });
});

/** a [., k] times b, whose element (i, j) is `at(i, j)`. */
function product(
  a: number[],
  b: number[],
  { k, n, at }: { k: number; n: number; at: (i: number, j: number) => number },
): number[] {
  return Array.from({ length: a.length / k * n }, (_, y) => {
    const [row, col] = [Math.floor(y / n), y % n];
    let total = 0;
    for (let i = 0; i < k; i++) total += a[row * k + i] * b[at(i, col)];
    return total;
  });
}

function sizeOf(device: Device, tensor: Tensor): number {
  const before = device.statistics().liveBytes;
  using _same = Tensor.empty(device, tensor.shape);
  return device.statistics().liveBytes - before;
}
