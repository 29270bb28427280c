import assert from "node:assert/strict";
import { mul } from "../../src/ops/mul.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { sum } from "../../src/ops/sum.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

testOnEachDevice("reshape() passes values and gradients through in order", async (device) => {
  await checkGradients(device, {
    shapes: [[2, 3, 5]],
    op: (x) => mul(reshape(x, [6, 5]), reshape(mul(x, x), [6, 5])),
    reference: (x) => x.map((value) => value ** 3),
  });
});

testOnEachDevice("reshape() shares memory, which its source owns", async (device) => {
  using x = Tensor.from(device, [1, 2, 3, 4]);
  const { liveBytes } = device.statistics();
  {
    using y = reshape(x, [2, 2]);
    assert.equal(device.statistics().liveBytes, liveBytes);
    assert.deepEqual(y.shape, [2, 2]);
  }
  assertSameBits(await x.data(), [1, 2, 3, 4]);
});

testOnEachDevice("a reshaped loss outlives the tensor it was made from", async (device) => {
  using x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
  using loss = reshape(sum(x), [1, 1]);
  await loss.backward();
  assert.equal(await loss.item(), 6);
});

testOnEachDevice("reshape() refuses another number of elements", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [1, 2, 3, 4]);
  assert.throws(() => reshape(x, [3]), {
    name: "RangeError",
    message: /\[4\] has 4, \[3\] has 3/,
  });
});
