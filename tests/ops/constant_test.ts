import assert from "node:assert/strict";
import { constantIndices } from "../../src/ops/constant.ts";
import { embedding } from "../../src/ops/embedding.ts";
import { sum } from "../../src/ops/sum.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

testOnEachDevice(
  "constantIndices() are released with what is computed from them",
  async (device) => {
    using table = Tensor.from(device, [1, 2, 3], { shape: [3, 1], requiresGrad: true });
    const indices = constantIndices(device, Uint32Array.of(2, 0), [2, 1]);
    using total = sum(embedding(table, indices));
    assert.equal(await total.item(), 4);
    assertSameBits(await indices.data(), [2, 0]);
    await total.backward();
    assertSameBits(await table.grad!.data(), [1, 0, 1]);
    assert.throws(() => indices.buffer, /released/);
  },
);
