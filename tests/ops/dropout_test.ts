import assert from "node:assert/strict";
import { dropout } from "../../src/ops/dropout.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

const OPTIONS = { probability: 0.25, key: [1, 2] } as const;

testOnEachDevice(
  "dropout() scales kept elements and their gradients",
  async (device) => {
    using x = Tensor.from(device, new Float32Array(1000).fill(3), { requiresGrad: true });
    const y = dropout(x, OPTIONS);
    const values = await y.data();
    using loss = mean(mul(y, y));
    await loss.backward();
    const kept = values.filter((value) => value !== 0);
    assert.ok(kept.length > 690 && kept.length < 810, `${kept.length} of 1000 are kept`);
    assert.ok(kept.every((value) => value === 4));
    const gradient = await x.grad!.data();
    // d mean(y^2) / dx = 2 y / 1000 / (1 - p)
    gradient.forEach((value, k) => assert.ok(Math.abs(value - 2 * values[k] / 750) < 1e-8));
  },
);

testOnEachDevice("dropout() of a part keeps what dropout() of the whole keeps", async (device) => {
  const values = Float32Array.from({ length: 300 }, (_, k) => k + 1);
  using whole = Tensor.from(device, values);
  using part = Tensor.from(device, values.subarray(100));
  using fromWhole = dropout(whole, OPTIONS);
  using fromPart = dropout(part, { ...OPTIONS, firstIndex: 100 });
  assertSameBits(await fromPart.data(), (await fromWhole.data()).slice(100));
});

testOnEachDevice("dropout() keeps everything with probability 0, and refuses 1", async (device) => {
  using x = Tensor.from(device, [1, 2, 3]);
  using y = dropout(x, { ...OPTIONS, probability: 0 });
  assertSameBits(await y.data(), await x.data());
  assert.throws(() => dropout(x, { ...OPTIONS, probability: 1 }), /from 0 to below 1, got 1/);
  assert.throws(() => dropout(x, { ...OPTIONS, key: [-1, 0] }), /a key of two u32/);
});
