import assert from "node:assert/strict";
import { mul } from "../../src/ops/mul.ts";
import { sum } from "../../src/ops/sum.ts";
import { gather } from "../../src/ops/gather.ts";
import { topK } from "../../src/ops/top_k.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

testOnEachDevice("topK() takes the lowest index of equal elements first", async (device) => {
  using x = Tensor.from(device, [0, 5, 5, -0, 5, -1, NaN, 2, NaN, 1, Infinity, 0], {
    shape: [2, 6],
  });
  const { values, indices } = await topK(x, { count: 5 });
  assert.deepEqual([...indices.indices!], [1, 2, 4, 0, 3, 0, 2, 4, 1, 3]);
  assertSameBits(await values.data(), [5, 5, 5, 0, -0, NaN, NaN, Infinity, 2, 1]);
  for (const each of [values, indices]) each[Symbol.dispose]();
});

testOnEachDevice("topK() gives the chosen elements the gradient", async (device) => {
  using x = Tensor.from(device, [1, 3, 2, 9, 7, 8], { shape: [1, 2, 3], requiresGrad: true });
  const { values, indices } = await topK(x, { count: 2 });
  assert.deepEqual(values.shape, [1, 2, 2]);
  using weights = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 2, 2] });
  using loss = sum(mul(values, weights));
  await loss.backward();
  assertSameBits(await x.grad!.data(), [0, 1, 2, 3, 0, 4]);
  indices[Symbol.dispose]();
});

for (
  const [shape, chosen] of [
    [[1], [0]],
    [[2, 5], [4, 0, 4, 1, 1, 1]],
    [[3, 1, 7], [6, 2, 0]],
    [[0, 3], []],
    [[2, 3], []],
  ] as const
) {
  testOnEachDevice(
    `gather() of [${chosen}] in [${shape}] agrees with its reference`,
    async (device) => {
      const cols = shape.at(-1)!;
      const rows = shape.reduce<number>((a, b) => a * b, 1) / cols;
      const count = rows === 0 ? 2 : chosen.length / rows;
      using indices = Tensor.from(device, chosen, {
        shape: [...shape.slice(0, -1), count],
        dtype: "u32",
      });
      await checkGradients(device, {
        shapes: [shape],
        op: (x) => gather(x, indices),
        reference: (x) => chosen.map((column, at) => x[Math.floor(at / count) * cols + column]),
      });
    },
  );
}

testOnEachDevice("topK() and gather() refuse what does not fit", async (device) => {
  using x = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  for (const count of [0, 3, 1.5]) {
    await assert.rejects(() => topK(x, { count }), {
      name: "RangeError",
      message: `topK() wants a count from 1 to the last dim of x, got ${count} of [2, 2]`,
    });
  }
  using beyond = Tensor.from(device, [0, 2], { shape: [2, 1], dtype: "u32" });
  using flat = Tensor.from(device, [0, 1], { dtype: "u32" });
  assert.throws(() => gather(x, beyond), { name: "RangeError", message: /under 2, got 2/ });
  assert.throws(() => gather(x, flat), { name: "RangeError", message: /\[2, 2\] and \[2\]/ });
});
