import assert from "node:assert/strict";
import { probabilitiesOf } from "../../../src/train/tasks/probabilities.ts";

Deno.test("probabilities are those of the kind of labels, for large logits too", () => {
  const near = (actual: readonly number[], expected: readonly number[]) => {
    assert.equal(actual.length, expected.length);
    actual.forEach((each, k) => assert.ok(Math.abs(each - expected[k]) < 1e-12, `${actual}`));
  };
  const logits = [Math.log(2), 0, 0];
  near(probabilitiesOf(logits, "single_label_classification"), [0.5, 0.25, 0.25]);
  near(probabilitiesOf([1000, 1000], "single_label_classification"), [0.5, 0.5]);
  near(probabilitiesOf([Math.log(3), 0, -800], "multi_label_classification"), [0.75, 0.5, 0]);
  near(probabilitiesOf([-3.5], "regression"), [-3.5]);
});
