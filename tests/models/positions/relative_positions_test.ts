// Buckets of the original T5 code, computed by hand at the borders.

import assert from "node:assert/strict";
import { bucketOf, offsetBuckets } from "../../../src/models/positions/relative_positions.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";

Deno.test("bucketOf() gives small distances a bucket each, large ones a shared one, and both directions their own half", () => {
  const of = (offset: number) =>
    bucketOf(offset, { numBuckets: 32, maxDistance: 128, visible: "all" });
  assert.deepEqual([0, -1, -7, 1, 7].map(of), [0, 1, 7, 17, 23]);
  // 8 (128 / 8)^(k / 8), k = 0 ... 8, are the borders of the shared buckets: 8, 11.3, 16, 22.6, 32, 45.3, 64, 90.5, 128
  assert.deepEqual([-8, -11, -12, -15, -16, -22, -23].map(of), [8, 8, 9, 9, 10, 10, 11]);
  assert.deepEqual([-31, -32, -45, -46, -63, -64, -90, -91].map(of), [
    ...[11, 12, 12, 13],
    ...[13, 14, 14, 15],
  ]);
  assert.deepEqual([-127, -128, -100_000, 127, 100_000].map(of), [15, 15, 15, 31, 31]);
});

Deno.test("bucketOf() gives all buckets to the past if the future is masked", () => {
  const of = (offset: number) =>
    bucketOf(offset, { numBuckets: 32, maxDistance: 128, visible: "causal" });
  assert.deepEqual([0, 1, 50, -1, -15, -16, -100_000].map(of), [0, 0, 0, 1, 15, 16, 31]);
});

Deno.test("bucketOf() works with an odd number of buckets", () => {
  const of = (offset: number) =>
    bucketOf(offset, { numBuckets: 7, maxDistance: 11, visible: "all" });
  assert.deepEqual([0, -1, -2, -3, -4, -20, 1, 2, 3, 4, 20].map(of), [
    ...[0, 1, 1, 1, 2, 2],
    ...[4, 4, 4, 5, 5],
  ]);
});

Deno.test("offsetBuckets() covers offsets from the first key and last query to the last key and first query", () => {
  const buckets = { numBuckets: 32, maxDistance: 128, visible: "all" } as const;
  assertSameBits(offsetBuckets(buckets, { queries: 3, keys: 4 }), [2, 1, 0, 17, 18, 19]);
});
