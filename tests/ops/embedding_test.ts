import assert from "node:assert/strict";
import { embedding, embeddingAt } from "../../src/ops/embedding.ts";
import { sum } from "../../src/ops/sum.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (
  const [numRows, width, indices] of [
    [1, 1, [0]],
    [5, 3, [4, 0, 4, 4, 1]],
    [7, 65, [6, 6, 0]],
    [3, 2, []],
  ] as const
) {
  testOnEachDevice(
    `embedding() of [${indices}] in [${numRows},${width}] agrees with its reference`,
    async (device) => {
      using t = Tensor.from(device, indices, { dtype: "u32" });
      await checkGradients(device, {
        shapes: [[numRows, width]],
        op: (table) => embedding(table, t),
        reference: (table) => indices.flatMap((row) => table.slice(row * width, (row + 1) * width)),
      });
    },
  );
}

testOnEachDevice("embedding() keeps the shape of the indices", async (device) => {
  using table = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  using indices = Tensor.from(device, [1, 0, 1, 1, 0, 0], { shape: [2, 3], dtype: "u32" });
  using y = embedding(table, indices);
  assert.deepEqual(y.shape, [2, 3, 2]);
  assertSameBits(await y.data(), [3, 4, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2]);
});

testOnEachDevice("embedding() refuses an index beyond the table", async (device) => {
  await Promise.resolve();
  using table = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  using indices = Tensor.from(device, [1, 2], { dtype: "u32" });
  assert.throws(() => embedding(table, indices), {
    name: "RangeError",
    message: /indices under 2, got 2/,
  });
});

testOnEachDevice("embedding() looks up a padding row, but gives it no gradient", async (device) => {
  using table = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [3, 2], requiresGrad: true });
  using indices = Tensor.from(device, [1, 0, 1, 2], { dtype: "u32" });
  using y = embedding(table, indices, { paddingIndex: 1 });
  assertSameBits(await y.data(), [3, 4, 1, 2, 3, 4, 5, 6]);
  using total = sum(y);
  await total.backward();
  assertSameBits(await table.grad!.data(), [1, 1, 0, 0, 1, 1]);
  for (const paddingIndex of [3, -1, 0.5]) {
    assert.throws(() => embedding(table, indices, { paddingIndex }), {
      name: "RangeError",
      message: `embedding() wants a padding index under 3, got ${paddingIndex}`,
    });
  }
});

testOnEachDevice(
  "embeddingAt() looks up indices from the host, and releases them",
  async (device) => {
    using table = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2], requiresGrad: true });
    const before = device.statistics().liveBytes;
    {
      using total = sum(embeddingAt(table, Uint32Array.of(1, 0, 1), { shape: [1, 3] }));
      assert.equal(await total.item(), 17);
      await total.backward();
    }
    assertSameBits(await table.grad!.data(), [1, 1, 2, 2]);
    table.grad = undefined;
    assert.equal(device.statistics().liveBytes, before);
    const beyond = Uint32Array.of(2);
    assert.throws(() => embeddingAt(table, beyond, { shape: [1] }), /indices under 2, got 2/);
  },
);
