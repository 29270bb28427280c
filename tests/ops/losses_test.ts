// Losses, einsum() and pooling beyond the table of pytorch_calls_test.ts: what they refuse, ignored rows, extremes.

import assert from "node:assert/strict";
import { crossEntropy, IGNORE_INDEX } from "../../src/ops/cross_entropy.ts";
import { einsum } from "../../src/ops/einsum.ts";
import { bceWithLogits, mseLoss, smoothL1 } from "../../src/ops/losses.ts";
import { nllLoss } from "../../src/ops/nll_loss.ts";
import { avgPool1d, avgPool2d, maxPool2d } from "../../src/ops/pooling.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

testOnEachDevice("bceWithLogits() of far logits is finite, and weighs elements", async (device) => {
  using logits = Tensor.from(device, [200, -200, 0], { requiresGrad: true });
  using targets = Tensor.from(device, [0, 1, 1]);
  using weight = Tensor.from(device, [1, 0.5, 2]);
  using losses = bceWithLogits(logits, targets, { weight, reduction: "none" });
  assertClose(await losses.data(), [200, 100, 2 * Math.log(2)], { relative: 1e-6 });
  using loss = bceWithLogits(logits, targets, { reduction: "sum" });
  await loss.backward();
  assertClose(await logits.grad!.data(), [1, -1, -0.5], { relative: 1e-6 });
});

testOnEachDevice("losses have gradients of their targets, too", async (device) => {
  const shapes = [[2, 5], [2, 5]];
  await checkGradients(device, {
    shapes,
    op: (x, target) => mseLoss(x, target, { reduction: "none" }),
    reference: (x, target) => x.map((value, i) => (value - target[i]!) ** 2),
  });
  await checkGradients(device, {
    shapes,
    op: (x, target) => smoothL1(x, target, { beta: 0.5 }),
    reference: (x, target) => {
      const losses = x.map((value, i) => {
        const d = Math.abs(value - target[i]!);
        return d < 0.5 ? d * d : d - 0.25;
      });
      return [losses.reduce((total, each) => total + each, 0) / 10];
    },
  });
});

testOnEachDevice("smoothed labels and nllLoss() leave ignored rows out", async (device) => {
  using logits = Tensor.from(device, [1, 2, NaN, NaN, 3, 1], { shape: [3, 2], requiresGrad: true });
  using targets = Tensor.from(device, [0, IGNORE_INDEX, 1], { dtype: "u32" });
  const rows = [[1, 2, 0], [3, 1, 1]] as const;
  const expected = rows.map(([a, b, target]) => {
    const lse = Math.log(Math.exp(a) + Math.exp(b));
    return 0.8 * (lse - [a, b][target]!) + 0.2 * (lse - (a + b) / 2);
  });
  const options = { ignored: IGNORE_INDEX, labelSmoothing: 0.2 };
  using loss = crossEntropy(logits, targets, options);
  assertClose([await loss.item()], [(expected[0]! + expected[1]!) / 2], { relative: 1e-6 });
  using nll = nllLoss(logits, targets, { ignored: IGNORE_INDEX, reduction: "none" });
  assertSameBits(await nll.data(), [-1, 0, -1]);
  using none = Tensor.from(device, [5, 5, 5], { dtype: "u32" });
  using ofNone = nllLoss(logits, none, { ignored: 5 });
  assert.equal(await ofNone.item(), NaN);
});

testOnEachDevice("losses refuse what does not fit", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [1, 2], { shape: [1, 2] });
  using y = Tensor.from(device, [1, 2]);
  using targets = Tensor.from(device, [2], { dtype: "u32" });
  assert.throws(() => mseLoss(x, y), /same shape, got \[1, 2\] and \[2\]/);
  assert.throws(() => mseLoss(x, x, { reduction: "max" as never }), /"mean", "sum" or "none"/);
  assert.throws(() => mseLoss(x, x, { reduce: "sum" } as never), /has no option "reduce"/);
  assert.throws(() => smoothL1(x, x, { beta: -1 }), /beta from 0, got -1/);
  assert.throws(() => bceWithLogits(x, targets as never), /wants target in f32/);
  assert.throws(() => nllLoss(x, targets), /under 2, got 2/);
  assert.throws(() => nllLoss(y, targets), /log probabilities of \[\.\.\., C\]/);
  assert.throws(() => crossEntropy(x, targets, { labelSmoothing: 2 }), /from 0 to 1, got 2/);
  assert.throws(() => crossEntropy(x, targets, { smoothing: 1 } as never), /no option "smoothing"/);
});

testOnEachDevice("einsum() refuses equations and shapes that do not fit", async (device) => {
  await Promise.resolve();
  using a = Tensor.from(device, [1, 2], { shape: [1, 2] });
  using b = Tensor.from(device, [1, 2, 3], { shape: [1, 3] });
  const refused: [string, string, RegExp][] = [
    ["ij,jk", "SyntaxError", /an equation of two operands/],
    ["ij->i", "SyntaxError", /an equation of two operands/],
    ["ii,ij->j", "SyntaxError", /"i" twice in "ii"/],
    ["ij,kj->l", "SyntaxError", /"l" in its result, and in neither operand/],
    ["ij,jk->ik", "RangeError", /one length for "j", got 2 and 1/],
    ["ijk,ik->j", "RangeError", /wants 3 dims for "ijk", got \[1, 2\]/],
  ];
  for (const [equation, name, message] of refused) {
    assert.throws(() => einsum(equation, a, b), { name, message });
  }
});

testOnEachDevice("pooling keeps NaN, and refuses sizes that do not fit", async (device) => {
  using x = Tensor.from(device, [1, NaN, -3, -2], { shape: [1, 1, 2, 2] });
  using y = maxPool2d(x, { size: [1, 2], padding: 0 });
  assertSameBits(await y.data(), [NaN, -2]);
  // Beyond the sides there is nothing, not 0.
  using below = Tensor.from(device, [-1], { shape: [1, 1, 1, 1] });
  using largest = maxPool2d(below, { size: 3, stride: 1, padding: 1 });
  assertSameBits(await largest.data(), [-1]);
  assert.throws(() => avgPool2d(x, { size: 3 }), /at least as large as a window of \[3,3\]/);
  assert.throws(() => avgPool2d(x, { size: 2, padding: 2 }), /at most half of size/);
  assert.throws(() => avgPool2d(x, { size: 0 }), /size and stride from 1/);
  assert.throws(() => avgPool2d(x, { kernel: 2 } as never), /has no option "kernel"/);
  assert.throws(() => avgPool1d(x, { size: 2 }), /x of \[B, C, T\]/);
});
