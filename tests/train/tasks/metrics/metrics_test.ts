// Metrics from sums, against plain references and against values computed by hand, as scikit-learn gives them.

import assert from "node:assert/strict";
import fc from "fast-check";
import { IGNORE_INDEX } from "../../../../src/ops/cross_entropy.ts";
import { classMetrics, countClasses } from "../../../../src/train/tasks/metrics/class_metrics.ts";
import {
  countLabelSets,
  labelSetMetrics,
} from "../../../../src/train/tasks/metrics/label_set_metrics.ts";
import { numberMetrics, sumNumbers } from "../../../../src/train/tasks/metrics/number_metrics.ts";
import {
  countRightTokens,
  perplexityOf,
} from "../../../../src/train/tasks/metrics/token_metrics.ts";

/** Logits whose largest are `classes`. */
function logitsFor(classes: readonly number[], numClasses: number): Float32Array {
  return Float32Array.from(
    classes.flatMap((each) => Array.from({ length: numClasses }, (_, c) => c === each ? 2 : -c)),
  );
}

Deno.test("accuracy and macro F1 are scikit-learn's", () => {
  // accuracy_score and f1_score(average="macro") of these give 0.5 and 0.4333...: (4/5 + 1/2 + 0) / 3.
  const labels = Uint32Array.of(0, 1, 2, 0, 1, 2);
  const predicted = [0, 1, 1, 0, 2, 0];
  const { accuracy, f1 } = classMetrics(countClasses(logitsFor(predicted, 3), labels, 3));
  assert.equal(accuracy, 0.5);
  assert.ok(Math.abs(f1 - (4 / 5 + 1 / 2 + 0) / 3) < 1e-12, `${f1}`);
  // A class that neither is nor is predicted does not count.
  const more = classMetrics(countClasses(logitsFor(predicted, 9), labels, 9));
  assert.deepEqual(more, { accuracy, f1 });
});

Deno.test("ignored labels change no metric of classes", () => {
  const labels = Uint32Array.of(1, IGNORE_INDEX, 0, IGNORE_INDEX);
  const counts = countClasses(logitsFor([1, 1, 1, 0], 2), labels, 2);
  assert.deepEqual([...counts], [0, 0, 1, 1, 1, 0]);
  assert.deepEqual(classMetrics(counts).accuracy, 0.5);
});

Deno.test("metrics of sums that were added over parts are those of the whole", () => {
  const rows = fc.array(
    fc.tuple(fc.nat(3), fc.nat(3), fc.float({ noNaN: true, min: -8, max: 8 })),
    { minLength: 2, maxLength: 20 },
  );
  fc.assert(fc.property(rows, fc.nat(20), (rows, at) => {
    const count = (some: typeof rows) => [
      countClasses(logitsFor(some.map(([p]) => p), 4), Uint32Array.from(some, ([, y]) => y), 4),
      countLabelSets(
        Float32Array.from(some, ([p]) => p - 1.5),
        Float32Array.from(some, ([, y]) => y % 2),
        1,
      ),
      sumNumbers(Float32Array.from(some, ([, , x]) => x), Float32Array.from(some, ([p]) => p), 1),
    ];
    const cut = at % rows.length;
    const parts = [count(rows.slice(0, cut)), count(rows.slice(cut))];
    const added = parts[0].map((sums, k) => sums.map((value, i) => value + parts[1][k][i]));
    const whole = count(rows);
    const near = (one: Readonly<Record<string, number>>, other: typeof one) => {
      // Predictions that are all equal have a correlation of rounding errors, if any.
      for (const name of Object.keys(one).filter((each) => each !== "pearson")) {
        assert.ok(Math.abs(one[name] - other[name]) <= 1e-9 * Math.abs(one[name]), name);
      }
    };
    [classMetrics, labelSetMetrics, numberMetrics].forEach((metrics, k) =>
      near(metrics(added[k]), metrics(whole[k]))
    );
    const right = rows.filter(([p, y]) => p === y).length / rows.length;
    assert.equal(classMetrics(whole[0]).accuracy, right);
  }));
});

Deno.test("micro F1 and exact match of sets of labels are scikit-learn's", () => {
  // f1_score(average="micro") and accuracy_score of [[1,0,1],[0,1,0],[0,0,0]] predicted as [[1,1,0],[0,1,0],[0,0,0]].
  const labels = Float32Array.of(1, 0, 1, 0, 1, 0, 0, 0, 0);
  const logits = Float32Array.of(3, 0.1, -1, -2, 5, -9, -1, -1, 0);
  assert.deepEqual(labelSetMetrics(countLabelSets(logits, labels, 3)), {
    f1: 2 / 3,
    exactMatch: 2 / 3,
  });
  const none = Float32Array.of(0, 0);
  assert.deepEqual(labelSetMetrics(countLabelSets(none, none, 2)), { f1: 0, exactMatch: 1 });
});

Deno.test("mean squared error and Pearson's correlation are those of two passes, at a distance from 0 too", () => {
  for (const offset of [0, 1000]) {
    const labels = Float32Array.from({ length: 50 }, (_, i) => offset + Math.sin(i));
    const predictions = labels.map((y, i) => 0.5 * y + Math.cos(3 * i));
    const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
    const [mx, my] = [mean(predictions), mean(labels)];
    let [cov, vx, vy, error] = [0, 0, 0, 0];
    predictions.forEach((x, i) => {
      cov += (x - mx) * (labels[i] - my);
      vx += (x - mx) ** 2;
      vy += (labels[i] - my) ** 2;
      error += (x - labels[i]) ** 2;
    });
    const metrics = numberMetrics(sumNumbers(predictions, labels, 1));
    assert.ok(Math.abs(metrics.meanSquaredError / (error / 50) - 1) < 1e-12);
    assert.ok(Math.abs(metrics.pearson - cov / Math.sqrt(vx * vy)) < 1e-8, `${metrics.pearson}`);
  }
});

Deno.test("several outputs have the mean of their correlations; one that is constant has none", () => {
  // Outputs: x = y, x = -y, and a constant.
  const labels = Float32Array.from([1, 1, 1, 2, 2, 2, 4, 4, 4]);
  const predictions = Float32Array.from([1, -1, 5, 2, -2, 5, 4, -4, 5]);
  const { pearson, meanSquaredError } = numberMetrics(sumNumbers(predictions, labels, 3));
  assert.ok(Math.abs(pearson) < 1e-12);
  assert.ok(Math.abs(meanSquaredError - (4 + 16 + 64 + 16 + 9 + 1) / 9) < 1e-12);
  const equal = Float32Array.of(3, 3, 3);
  assert.deepEqual(numberMetrics(sumNumbers(equal, equal, 1)), { meanSquaredError: 0 });
});

Deno.test("right tokens are targets with the largest logit; perplexity is e^loss", () => {
  const targets = Uint32Array.of(2, 0, IGNORE_INDEX, 1);
  assert.equal(countRightTokens(logitsFor([2, 1, 0, 1], 3), targets, 3), 2);
  assert.ok(Math.abs(perplexityOf(3 * Math.log(7), 3) - 7) < 1e-12);
});
