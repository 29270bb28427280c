// The order of examples in an epoch.

import assert from "node:assert/strict";
import { Permutation } from "../../../src/train/data/permutation.ts";

function listed(length: number, seed: number, epoch: number): number[] {
  const permutation = new Permutation(length, { seed, epoch });
  return Array.from({ length }, (_, position) => permutation.at(position));
}

Deno.test("Permutation has every number once, for every length", () => {
  for (const length of [...Array(130).keys(), 1000, 1023, 1024, 1025, 99_999]) {
    const sorted = listed(length, 7, 3).sort((a, b) => a - b);
    assert.deepEqual(sorted, [...Array(length).keys()], `length ${length}`);
  }
});

Deno.test("Permutation is a function of seed and epoch alone", () => {
  assert.deepEqual(listed(50, 1, 0), listed(50, 1, 0));
  const orders = [[1, 0], [1, 1], [2, 0], [1, 2 ** 32], [1, 2 ** 40]].map(([seed, epoch]) =>
    listed(50, seed, epoch).join()
  );
  assert.equal(new Set(orders).size, orders.length);
  // A training that goes on after an update of this package meets the same order.
  assert.deepEqual(listed(10, 1, 0), PINNED);
});

Deno.test("Permutation gives every order of 4 numbers about equally often", () => {
  const counts = new Map<string, number>();
  const trials = 6000;
  for (let seed = 0; seed < trials; seed++) {
    const order = listed(4, seed, seed % 5).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 24);
  const expected = trials / 24;
  const chiSquared = [...counts.values()]
    .reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
  // 23 degrees of freedom: more than 50 happens once in a thousand.
  assert.ok(chiSquared < 50, `chi squared ${chiSquared}`);
});

Deno.test("Permutation leaves neighbours apart, and reaches numbers beyond 2^32", () => {
  const length = 2 ** 40 + 12345;
  const permutation = new Permutation(length, { seed: 5, epoch: 1 });
  const some = Array.from({ length: 2000 }, (_, position) => permutation.at(position));
  assert.equal(new Set(some).size, some.length);
  const mean = some.reduce((total, index) => total + index / length, 0) / some.length;
  assert.ok(Math.abs(mean - 0.5) < 0.03, `mean ${mean}`);
  const near = some.filter((index, k) => k > 0 && Math.abs(index - some[k - 1]) < length / 100);
  assert.ok(near.length < 80, `${near.length} of 2000 are near the one before`);
  assert.ok(new Permutation(2 ** 53 - 1, { seed: 0, epoch: 0 }).at(2 ** 53 - 2) < 2 ** 53 - 1);
});

Deno.test("Permutation refuses what is no position, length, seed or epoch", () => {
  const permutation = new Permutation(3, { seed: 1, epoch: 0 });
  for (const position of [-1, 3, 0.5, NaN]) {
    assert.throws(() => permutation.at(position), /Wanted a position from 0 to 2, an integer/);
  }
  assert.throws(() => new Permutation(0, { seed: 1, epoch: 0 }).at(0), RangeError);
  assert.throws(() => new Permutation(-1, { seed: 1, epoch: 0 }), /a length/);
  assert.throws(() => new Permutation(3, { seed: 2 ** 32, epoch: 0 }), /a seed/);
  assert.throws(() => new Permutation(3, { seed: 1, epoch: 1.5 }), /an epoch/);
});

const PINNED = [2, 5, 0, 4, 7, 6, 1, 3, 8, 9];
