import assert from "node:assert/strict";
import { causalLoss } from "../../../src/models/losses/causal_loss.ts";
import { IGNORE_INDEX } from "../../../src/ops/cross_entropy.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";

testOnEachDevice(
  "causalLoss() compares every position with the next label, and the last with none",
  async (device) => {
    const values = [1, 2, 0.5, -1, 3, 0, 2, 2, 1, 0, 0, 5];
    using logits = Tensor.from(device, values, { shape: [2, 3, 2], requiresGrad: true });
    using labels = Tensor.from(device, [0, 1, 0, 1, 1, IGNORE_INDEX], {
      shape: [2, 3],
      dtype: "u32",
    });
    const before = device.statistics().liveBytes;
    using loss = causalLoss(logits, labels);
    const surprise = (row: number, label: number) => {
      const [a, b] = values.slice(2 * row, 2 * row + 2);
      return Math.log(Math.exp(a) + Math.exp(b)) - (label === 0 ? a : b);
    };
    const expected = (surprise(0, 1) + surprise(1, 0) + surprise(3, 1)) / 3;
    assert.ok(Math.abs(await loss.item() - expected) < 1e-6);
    await loss.backward();
    const gradient = [...await logits.grad!.data()];
    const rows = [0, 1, 2, 3, 4, 5].filter((row) => gradient[2 * row] !== 0);
    assert.deepEqual(rows, [0, 1, 3]);
    logits.grad = undefined;
    loss[Symbol.dispose]();
    assert.equal(device.statistics().liveBytes, before);
  },
);

testOnEachDevice("causalLoss() refuses labels without a dim of positions", async (device) => {
  await Promise.resolve();
  using logits = Tensor.from(device, [1, 2], { shape: [1, 2] });
  using labels = Tensor.from(device, [0], { dtype: "u32" });
  assert.throws(() => causalLoss(logits, labels), /labels of \[B, T\], got \[1\]/);
});
