import assert from "node:assert/strict";
import { classificationLoss } from "../../../src/models/losses/classification_loss.ts";
import { IGNORE_INDEX } from "../../../src/ops/cross_entropy.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { checkGradients } from "../../support/ops/gradient_check.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

testOnEachDevice(
  "classificationLoss() of single labels ignores IGNORE_INDEX",
  async (device) => {
    using labels = Tensor.from(device, [2, IGNORE_INDEX, 0], { dtype: "u32" });
    await checkGradients(device, {
      shapes: [[3, 4]],
      op: (logits) => classificationLoss(logits, { labels }),
      reference: (z) => [
        mean([[0, 2], [8, 0]].map(([at, label]) => {
          const row = z.slice(at, at + 4);
          return Math.log(row.reduce((sum, each) => sum + Math.exp(each), 0)) - row[label];
        })),
      ],
    });
  },
);

testOnEachDevice(
  "classificationLoss() of multiple labels is a binary cross-entropy for every class",
  async (device) => {
    const y = [1, 0, 0.25, 1, 0, 1];
    using labels = Tensor.from(device, y, { shape: [2, 3] });
    await checkGradients(device, {
      shapes: [[2, 3]],
      op: (logits) => classificationLoss(logits, { labels }),
      reference: (z) => [mean(z.map((each, i) => Math.log(1 + Math.exp(each)) - each * y[i]))],
    });
  },
);

testOnEachDevice("classificationLoss() of large logits is finite", async (device) => {
  using logits = Tensor.from(device, [200, -200, 200, -200], { shape: [1, 4], requiresGrad: true });
  using labels = Tensor.from(device, [1, 0, 0, 1], { shape: [1, 4] });
  using loss = classificationLoss(logits, { labels });
  assert.equal(await loss.item(), 100);
  await loss.backward();
  const gradient = [...await logits.grad!.data()];
  // Beyond the smallest normal number, the first two are 0 or nearly.
  assert.deepEqual(gradient.map((each) => Math.abs(each) < 1e-38 ? 0 : each), [0, 0, 0.25, -0.25]);
});

for (const shape of [[4], [4, 1]]) {
  testOnEachDevice(
    `classificationLoss() of one class and labels of [${shape}] is the mean squared error`,
    async (device) => {
      const y = [1, -0.5, 0.25, 2];
      using labels = Tensor.from(device, y, { shape });
      await checkGradients(device, {
        shapes: [[4, 1]],
        op: (logits) => classificationLoss(logits, { labels }),
        reference: (z) => [mean(z.map((each, i) => (each - y[i]) ** 2))],
      });
    },
  );
}

testOnEachDevice(
  "classificationLoss() of several numbers is the mean squared error for regression",
  async (device) => {
    const y = [1, -0.5, 0.25, 2];
    using labels = Tensor.from(device, y, { shape: [2, 2] });
    await checkGradients(device, {
      shapes: [[2, 2]],
      op: (logits) => classificationLoss(logits, { labels, problemType: "regression" }),
      reference: (z) => [mean(z.map((each, i) => (each - y[i]) ** 2))],
    });
  },
);

testOnEachDevice(
  "classificationLoss() refuses labels of wrong types and shapes",
  async (device) => {
    await Promise.resolve();
    using logits = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
    using classes = Tensor.from(device, [0, 1], { dtype: "u32" });
    using numbers = Tensor.from(device, [0, 1]);
    const problemType = "multi_label_classification";
    assert.throws(() => classificationLoss(logits, { labels: classes, problemType }), {
      name: "TypeError",
      message: "classificationLoss() wants f32 labels for multi_label_classification, got u32",
    });
    assert.throws(
      () =>
        classificationLoss(logits, { labels: numbers, problemType: "single_label_classification" }),
      {
        name: "TypeError",
        message: "classificationLoss() wants u32 labels for single_label_classification, got f32",
      },
    );
    assert.throws(() => classificationLoss(logits, { labels: numbers }), {
      name: "RangeError",
      message: /labels of the logits' shape \[2, ?2\], got \[2\]/,
    });
  },
);
