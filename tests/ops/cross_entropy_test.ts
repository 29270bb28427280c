import assert from "node:assert/strict";
import { crossEntropy, IGNORE_INDEX } from "../../src/ops/cross_entropy.ts";
import { scale } from "../../src/ops/scale.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (
  const [leading, cols] of [
    [[], 3],
    [[1], 1],
    [[5], 13],
    [[2, 3], 65],
  ] as const
) {
  const rows = leading.reduce((count: number, length: number) => count * length, 1);
  const targets = Array.from({ length: rows }, (_, r) => (r * 7 + 2) % cols);
  testOnEachDevice(
    `crossEntropy() of [${[...leading, cols]}] agrees with its reference`,
    async (device) => {
      using t = Tensor.from(device, targets, { shape: leading, dtype: "u32" });
      await checkGradients(device, {
        shapes: [[...leading, cols]],
        // Scaled, so that the incoming gradient is not 1.
        op: (logits) => scale(crossEntropy(logits, t), 10),
        reference: (logits) => [10 * meanLoss(logits, targets)],
      });
    },
  );
}

testOnEachDevice("crossEntropy() stays finite for logits of a thousand", async (device) => {
  using logits = Tensor.from(device, [1000, -1000, 999], { shape: [1, 3], requiresGrad: true });
  using targets = Tensor.from(device, [1], { dtype: "u32" });
  using loss = crossEntropy(logits, targets);
  await loss.backward();
  assert.ok(Math.abs(await loss.item() - (2000 + Math.log1p(Math.exp(-1)))) < 1e-3);
  const [first, second, third] = await logits.grad!.data();
  assert.ok(Math.abs(first + third - 1) < 1e-6);
  assert.equal(second, -1);
});

for (
  const [ignored, targets] of [[IGNORE_INDEX, [2, IGNORE_INDEX, IGNORE_INDEX, 0]], [1, [
    1,
    2,
    0,
    1,
  ]]] as const
) {
  testOnEachDevice(
    `crossEntropy() is the mean over the rows whose target is not ${ignored}`,
    async (device) => {
      using t = Tensor.from(device, [...targets], { shape: [2, 2], dtype: "u32" });
      await checkGradients(device, {
        shapes: [[2, 2, 3]],
        op: (logits) => scale(crossEntropy(logits, t, { ignored }), 10),
        reference: (logits) => {
          const counting = targets.flatMap((target, r) => target === ignored ? [] : [r]);
          const rows = counting.flatMap((r) => logits.slice(3 * r, 3 * r + 3));
          return [10 * meanLoss(rows, counting.map((r) => targets[r]))];
        },
      });
    },
  );
}

testOnEachDevice(
  "crossEntropy() gives ignored rows gradients of exactly 0, even if their logits are NaN",
  async (device) => {
    using logits = Tensor.from(device, [NaN, Infinity, 1, 2], {
      shape: [2, 2],
      requiresGrad: true,
    });
    using targets = Tensor.from(device, [IGNORE_INDEX, 1], { dtype: "u32" });
    using loss = crossEntropy(logits, targets, { ignored: IGNORE_INDEX });
    await loss.backward();
    assert.ok(Math.abs(await loss.item() - Math.log1p(Math.exp(-1))) < 1e-6);
    const gradient = await logits.grad!.data();
    assertSameBits(gradient.subarray(0, 2), [0, 0]);
    assert.ok(gradient[3] < -0.2);
  },
);

testOnEachDevice(
  "crossEntropy() is NaN, with gradients of 0, if all rows are ignored",
  async (device) => {
    using logits = Tensor.from(device, [5, 6, 1, 2], { shape: [2, 2], requiresGrad: true });
    using targets = Tensor.from(device, [IGNORE_INDEX, IGNORE_INDEX], { dtype: "u32" });
    using loss = crossEntropy(logits, targets, { ignored: IGNORE_INDEX });
    await loss.backward();
    assert.ok(Number.isNaN(await loss.item()));
    assertSameBits(await logits.grad!.data(), [0, 0, 0, 0]);
  },
);

testOnEachDevice("crossEntropy() refuses targets that do not fit the logits", async (device) => {
  await Promise.resolve();
  using logits = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  using tooMany = Tensor.from(device, [0, 1, 2], { dtype: "u32" });
  using tooLarge = Tensor.from(device, [0, 3], { dtype: "u32" });
  assert.throws(() => crossEntropy(logits, tooMany), {
    name: "RangeError",
    message: /\[2, 3\] and \[3\]/,
  });
  assert.throws(() => crossEntropy(logits, tooLarge), {
    name: "RangeError",
    message: /indices under 3, got 3/,
  });
  using odd = Tensor.from(device, [0, IGNORE_INDEX], { dtype: "u32" });
  assert.throws(() => crossEntropy(logits, odd), /indices under 3, got 4294967295/);
  assert.throws(() => crossEntropy(logits, tooLarge, { ignored: IGNORE_INDEX }), {
    name: "RangeError",
    message: /targets under 3, or 4294967295 .*, got 3/,
  });
  using none = Tensor.from(device, [], { shape: [0, 3] });
  using noTargets = Tensor.from(device, [], { dtype: "u32" });
  assert.throws(() => crossEntropy(none, noTargets), { name: "RangeError", message: /one row/ });
});

function meanLoss(logits: number[], targets: number[]): number {
  const cols = logits.length / targets.length;
  const losses = targets.map((target, r) => {
    const row = logits.slice(r * cols, (r + 1) * cols);
    return Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[target];
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}
