// Statistics of samples, and bandwidths as nccl-tests defines them.

import assert from "node:assert/strict";
import { busFactor, figuresOf, joinSamples, quantile } from "../../bench/collectives/figures.ts";

Deno.test("quantile() is the least value that the share of values does not exceed", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual([0, 0.5, 0.99, 1].map((q) => quantile(hundred, q)), [1, 50, 99, 100]);
  assert.equal(quantile([7], 0.5), 7);
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.throws(() => quantile([], 0.5), RangeError);
});

Deno.test("figuresOf() gives bandwidths of the median and CPU seconds per GB of all calls", () => {
  const sample = { microseconds: [400, 200, 100], cpuSeconds: 0.006 };
  const figures = figuresOf({ op: "allReduce", ranks: 4, bytes: 1_000_000 }, sample);
  assert.deepEqual(figures, {
    min: 100,
    p50: 200,
    p99: 400,
    algbw: 5,
    busbw: 7.5,
    cpuSecondsPerGB: 2,
  });
});

Deno.test("busFactor() is the share of the buffer that each rank must send", () => {
  assert.equal(busFactor("allReduce", 2), 1);
  assert.equal(busFactor("allReduce", 4), 1.5);
  assert.equal(busFactor("reduceScatter", 4), 0.75);
  assert.equal(busFactor("allGather", 2), 0.5);
  assert.equal(busFactor("broadcast", 4), 1);
});

Deno.test("joinSamples() keeps every call and adds CPU seconds", () => {
  const joined = joinSamples([
    { microseconds: [1, 2], cpuSeconds: 0.25 },
    { microseconds: [3], cpuSeconds: 0.5 },
  ]);
  assert.deepEqual(joined, { microseconds: [1, 2, 3], cpuSeconds: 0.75 });
});
