// The order of examples: the same whatever the micro-batches and wherever a training goes on, every example once in each pass.

import assert from "node:assert/strict";
import { microBatchesFrom, stepsOfEpochs } from "../../src/train/example_order.ts";

const order = { length: 10, seed: 5, accumulate: 1, batch: 4 };

/** The examples of steps that follow each other, as epoch:index. */
function sequence(options: typeof order, { begin = 0, steps = 1 } = {}): string[] {
  return Array.from({ length: steps }, (_, step) => {
    const position = begin + step * options.accumulate * options.batch;
    return microBatchesFrom(options, position).flat();
  }).flat().map(({ epoch, index }) => `${epoch}:${index}`);
}

Deno.test("every pass has each example once, in an order of its own", () => {
  const drawn = sequence(order, { steps: 5 });
  const passes = [drawn.slice(0, 10), drawn.slice(10)];
  for (const [epoch, pass] of passes.entries()) {
    const expected = Array.from({ length: 10 }, (_, index) => `${epoch}:${index}`);
    assert.deepEqual(pass.toSorted(), expected.toSorted());
  }
  const [first, second] = passes.map((pass) => pass.map((each) => each.split(":")[1]).join());
  assert.notEqual(first, second);
  assert.notDeepEqual(sequence({ ...order, seed: 6 }, { steps: 5 }), drawn);
});

Deno.test("a step has the same examples however it is divided into micro-batches", () => {
  const whole = sequence({ ...order, batch: 12 });
  assert.deepEqual(sequence({ ...order, batch: 3, accumulate: 4 }), whole);
  const sizes = microBatchesFrom({ ...order, batch: 3, accumulate: 4 }, 0).map((micro) =>
    micro.length
  );
  assert.deepEqual(sizes, [3, 3, 3, 3]);
});

Deno.test("a training that goes on with other batches takes the examples that follow", () => {
  const whole = sequence(order, { steps: 6 });
  const rest = sequence({ ...order, batch: 2, accumulate: 2 }, { begin: 8, steps: 4 });
  assert.deepEqual(rest, whole.slice(8));
});

Deno.test("stepsOfEpochs() counts the steps of passes, and of parts of them", () => {
  const counts = [1, 2, 0.5, 0].map((epochs) =>
    stepsOfEpochs({ length: 10, accumulate: 1, batch: 4 }, epochs)
  );
  assert.deepEqual(counts, [3, 5, 2, 0]);
});
