// ConfusionMatrix against plain counting, and against values of scikit-learn.

import assert from "node:assert/strict";
import fc from "fast-check";
import { IGNORE_INDEX } from "../../src/ops/cross_entropy.ts";
import { ConfusionMatrix, type F1Options } from "../../src/train/confusion_matrix.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";

const LABELS = [0, 1, 2, 0, 1, 2];
const PREDICTED = [0, 1, 1, 0, 2, 0];

function near(got: number, wanted: number): void {
  assert.ok(Math.abs(got - wanted) < 1e-12, `${got}, wanted ${wanted}`);
}

Deno.test("accuracy, F1 and the matrix are scikit-learn's", () => {
  // confusion_matrix, accuracy_score, and f1_score with average "macro", "micro" and None.
  const confusion = new ConfusionMatrix(3);
  confusion.add(PREDICTED, LABELS);
  assert.deepEqual(confusion.rows(), [[2, 0, 0], [0, 1, 1], [1, 1, 0]]);
  near(confusion.accuracy(), 0.5);
  near(confusion.f1(), (4 / 5 + 1 / 2 + 0) / 3);
  near(confusion.f1({ average: "micro" }), 0.5);
  near(confusion.f1({ average: "binary", positive: 0 }), 4 / 5);
  near(confusion.f1({ average: "binary" }), 1 / 2);
  near(confusion.f1({ average: "binary", positive: 2 }), 0);
});

Deno.test("metrics are those of a plain loop, from classes and logits, in parts and as a whole", () => {
  const rows = fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1, maxLength: 30 });
  fc.assert(fc.property(rows, fc.nat(30), (rows, at) => {
    const [predicted, labels] = [rows.map(([p]) => p), rows.map(([, y]) => y)];
    const whole = new ConfusionMatrix(4);
    whole.add(Uint8Array.from(predicted), Uint32Array.from(labels));
    const parts = [new ConfusionMatrix(4), new ConfusionMatrix(4)];
    for (const [index, some] of [rows.slice(0, at), rows.slice(at)].entries()) {
      const logits = some.flatMap(([p]) => [0, 1, 2, 3].map((c) => c === p ? 1 : -c));
      parts[index].add(Float32Array.from(logits), some.map(([, y]) => y));
    }
    const added = parts[0].counts.map((count, k) => count + parts[1].counts[k]);
    assert.deepEqual(added, whole.counts);
    const right = rows.filter(([p, y]) => p === y).length;
    near(whole.accuracy(), right / rows.length);
    near(whole.f1({ average: "micro" }), right / rows.length);
    const scores = [0, 1, 2, 3].map((c) => {
      const [tp, is, was] = [
        rows.filter(([p, y]) => p === c && y === c).length,
        rows.filter(([, y]) => y === c).length,
        rows.filter(([p]) => p === c).length,
      ];
      const score = tp === 0 ? 0 : 2 / (is / tp + was / tp); // the harmonic mean of precision and recall
      near(whole.f1({ average: "binary", positive: c }), score);
      return is + was === 0 ? undefined : score;
    }).filter((score) => score !== undefined);
    near(whole.f1(), scores.reduce((a, b) => a + b) / scores.length);
  }));
});

Deno.test("counts add over ranks in one call", async () => {
  const [first, second] = await inProcessRanks(2, async ({ rank, group }) => {
    const confusion = new ConfusionMatrix(3);
    const [begin, end] = rank === 0 ? [0, 4] : [4, 6];
    confusion.add(PREDICTED.slice(begin, end), LABELS.slice(begin, end));
    await group.allReduce(confusion.counts);
    return confusion;
  });
  assert.deepEqual(first.rows(), [[2, 0, 0], [0, 1, 1], [1, 1, 0]]);
  assert.deepEqual(second.counts, first.counts);
  near(second.f1(), first.f1());
});

Deno.test("ignored labels are not counted, and what is no class is refused before anything is counted", () => {
  const confusion = new ConfusionMatrix(2);
  confusion.add([1, 0], [IGNORE_INDEX, 0]);
  assert.deepEqual(confusion.rows(), [[1, 0], [0, 0]]);
  const add = (predictions: unknown, labels: unknown) => () =>
    confusion.add(predictions as number[], labels as number[]);
  assert.throws(add([0, 2], [0, 0]), /predicted class from 0 to 1, got 2 in row 1/);
  assert.throws(add([0, 1], [0, 5]), /label from 0 to 1, got 5 in row 1/);
  assert.throws(add([0, 1], [0]), /wants 1 predicted classes for 1 labels/);
  assert.throws(add(Float32Array.of(0, 1, 2), [0]), /wants 2 logits for 1 labels of 2 classes/);
  assert.throws(add(Float32Array.of(0, 0, NaN, 1), [0, 1]), /NaN in row 1/);
  assert.throws(add(Promise.resolve(), [0]), /predictions in an array.*await x.data/);
  assert.deepEqual(confusion.rows(), [[1, 0], [0, 0]]);
  assert.throws(() => new ConfusionMatrix(1), /classes from 2/);
  assert.throws(() => confusion.f1({ average: "weighted" } as unknown as F1Options), /weighted/);
  assert.throws(() => confusion.f1({ average: "binary", positive: 2 }), /positive/);
  assert.ok(Number.isNaN(new ConfusionMatrix(2).accuracy()));
});
