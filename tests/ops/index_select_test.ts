import assert from "node:assert/strict";
import { indexAdd, indexSelect } from "../../src/ops/index_select.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (
  const [shape, indices] of [
    [[1, 1], [0]],
    [[5, 3], [4, 0, 4, 4, 1]],
    [[3], [2, 2, 0]],
    [[7, 5, 13], [6, 6, 0, 3]],
    [[3, 2], []],
    [[4, 0], [1, 3]],
  ] as const
) {
  const width = shape.slice(1).reduce<number>((a, b) => a * b, 1);
  const title = `of [${indices}] in [${shape}] agrees with its reference`;
  testOnEachDevice(`indexSelect() ${title}`, async (device) => {
    using at = Tensor.from(device, indices, { dtype: "u32" });
    await checkGradients(device, {
      shapes: [shape],
      op: (x) => indexSelect(x, at),
      reference: (x) => indices.flatMap((row) => x.slice(row * width, (row + 1) * width)),
    });
  });
  testOnEachDevice(`indexAdd() ${title}`, async (device) => {
    using at = Tensor.from(device, indices, { dtype: "u32" });
    await checkGradients(device, {
      shapes: [shape, [indices.length, ...shape.slice(1)]],
      op: (x, rows) => indexAdd(x, at, rows),
      reference: (x, rows) => {
        const y = [...x];
        rows.forEach((value, i) => y[indices[Math.floor(i / width)] * width + i % width] += value);
        return y;
      },
    });
  });
}

testOnEachDevice("indexAdd() leaves its operands as they are", async (device) => {
  using x = Tensor.from(device, [1, 2], { shape: [2, 1] });
  using rows = Tensor.from(device, [10], { shape: [1, 1], dtype: "bf16" });
  using at = Tensor.from(device, [1], { dtype: "u32" });
  using y = indexAdd(x, at, rows);
  assertSameBits(await y.data(), [1, 12]);
  assertSameBits(await x.data(), [1, 2]);
});

testOnEachDevice("indexSelect() and indexAdd() refuse what does not fit", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  using at = Tensor.from(device, [1, 2], { dtype: "u32" });
  using fitting = Tensor.from(device, [1, 0], { dtype: "u32" });
  using square = Tensor.from(device, [1, 0], { shape: [1, 2], dtype: "u32" });
  using row = Tensor.from(device, [1, 2], { shape: [1, 2] });
  assert.throws(() => indexSelect(x, at), {
    name: "RangeError",
    message: /indices under 2, got 2/,
  });
  assert.throws(() => indexAdd(x, at, x), {
    name: "RangeError",
    message: /indices under 2, got 2/,
  });
  assert.throws(() => indexSelect(x, square), { name: "RangeError", message: /indices of \[n\]/ });
  assert.throws(() => indexAdd(x, fitting, row), {
    name: "RangeError",
    message: /a row for each of 2 indices, \[2, 2\], got \[1, 2\]/,
  });
});
