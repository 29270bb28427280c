// Sizes, repetitions and shares of a sweep.

import assert from "node:assert/strict";
import {
  parseSize,
  repetitionsFor,
  sharesOf,
  sizesOf,
  turnsOf,
} from "../../bench/collectives/sweep.ts";

Deno.test("sizesOf() goes from begin to end by the factor, end included", () => {
  assert.deepEqual(sizesOf({ begin: 8, end: 64, factor: 2 }), [8, 16, 32, 64]);
  assert.deepEqual(sizesOf({ begin: 8, end: 100, factor: 4 }), [8, 32]);
  assert.deepEqual(sizesOf({ begin: 16, end: 8, factor: 2 }), []);
});

Deno.test("parseSize() takes bytes, K, M and G, and whole numbers of f32 only", () => {
  assert.deepEqual(["8", "64K", "128m", "1G"].map(parseSize), [8, 65_536, 1 << 27, 2 ** 30]);
  for (const text of ["", "0", "6", "-8", "1.5K", "8KB", "x8"]) {
    assert.throws(() => parseSize(text), RangeError, text);
  }
});

Deno.test("repetitionsFor() makes fewer calls the larger they are, and never none", () => {
  const sizes = sizesOf({ begin: 8, end: 2 ** 30, factor: 2 });
  const repetitions = sizes.map(repetitionsFor);
  for (const [index, { iterations, warmup }] of repetitions.entries()) {
    assert.ok(iterations >= 6 && warmup >= 2);
    if (index > 0) assert.ok(iterations <= repetitions[index - 1].iterations);
  }
  assert.ok(repetitions[0].iterations > repetitions.at(-1)!.iterations);
});

Deno.test("turnsOf() and sharesOf() split all of it, evenly", () => {
  assert.deepEqual(turnsOf(7, 3), [3, 2, 2]);
  assert.deepEqual(turnsOf(2, 3), [1, 1]);
  assert.deepEqual(sharesOf(10, 4), [3, 3, 2, 2]);
  assert.deepEqual(sharesOf(1, 3), [1, 0, 0]);
});
