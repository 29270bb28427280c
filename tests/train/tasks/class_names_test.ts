// Names of classes, kinds of labels, and the numbers that labels become.

import assert from "node:assert/strict";
import type { Label } from "../../../src/train/data/records.ts";
import { labelNumbers } from "../../../src/train/tasks/class_labels.ts";
import {
  ClassNames,
  classNamesFor,
  LabelCollector,
  problemOf,
} from "../../../src/train/tasks/class_names.ts";

function found(...labels: Label[]): LabelCollector {
  const collector = new LabelCollector();
  for (const label of labels) collector.add(label);
  return collector;
}

Deno.test("lists are sets of labels, numbers that are no integers are to be predicted, all else is a class", () => {
  assert.equal(problemOf(found("a", "b")), "single_label_classification");
  assert.equal(problemOf(found(0, 1, 2)), "single_label_classification");
  assert.equal(problemOf(found(0, 1.5)), "regression");
  assert.equal(problemOf(found("a", 1.5)), "single_label_classification");
  assert.equal(problemOf(found(["a"], [])), "multi_label_classification");
});

Deno.test("names are given ones, else those of the checkpoint if they are enough, else the data's in order", () => {
  const data = found("sport", "food", "sport");
  const names = (options: Parameters<typeof classNamesFor>[1], labels = data) =>
    classNamesFor(labels, options).names;
  assert.deepEqual(names({}), ["food", "sport"]);
  assert.deepEqual(names({ given: ["sport", "x", "food"] }), ["sport", "x", "food"]);
  assert.deepEqual(names({ stored: ["sport", "x", "food"] }), ["sport", "x", "food"]);
  assert.deepEqual(names({ stored: ["sport", "x"] }), ["food", "sport"]);
  assert.deepEqual(names({}, found(10, 9, "b", "B")), ["9", "10", "B", "b"]);
  // Indices of a checkpoint's classes.
  assert.deepEqual(names({ stored: ["LABEL_0", "LABEL_1"] }, found(0, 1)), ["LABEL_0", "LABEL_1"]);
  assert.deepEqual(names({ stored: ["LABEL_0", "LABEL_1"] }, found(1, 2)), ["1", "2"]);
  assert.deepEqual(names({}, found(["b", "a"], "c")), ["a", "b", "c"]);
  assert.throws(() => names({ given: ["a", "a"] }), /names that differ/);
});

Deno.test("a label is a name or the index of one; others are refused with their place", () => {
  const names = new ClassNames(["no", "yes", "0"]);
  const single = { problem: "single_label_classification", names, place: "a.jsonl:3" } as const;
  assert.deepEqual(labelNumbers("yes", single), [1]);
  assert.deepEqual(labelNumbers(1, single), [1]);
  // A name goes before an index.
  assert.deepEqual(labelNumbers(0, single), [2]);
  assert.throws(
    () => labelNumbers("maybe", single),
    /^TypeError: a\.jsonl:3: the label "maybe" is none of no, yes, 0: give all of them with --labels/,
  );
  assert.throws(() => labelNumbers(3, single), /the label 3 is none of/);
  assert.throws(() => labelNumbers(["yes"], single), /is not the name of one class/);
  const several = { ...single, problem: "multi_label_classification" } as const;
  assert.deepEqual(labelNumbers(["0", "no"], several), [1, 0, 1]);
  assert.deepEqual(labelNumbers([], several), [0, 0, 0]);
  assert.deepEqual(labelNumbers("yes", several), [0, 1, 0]);
  const numbers = { ...single, problem: "regression" } as const;
  assert.deepEqual(labelNumbers(-2.5, numbers), [-2.5]);
  assert.throws(() => labelNumbers("yes", numbers), /a\.jsonl:3: the label "yes" is not a number/);
});
