// Windows: the same ones whatever the mesh and the micro-batches.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { drawStarts, evenStarts, makeBatch, startsOf } from "../../src/train/token_batch.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";

const text = Uint16Array.from({ length: 1000 }, (_, k) => 3 * k);

Deno.test("drawStarts() draws the same windows however a step is divided into micro-batches", () => {
  const windows = { text, context: 7 };
  const whole = drawStarts(windows, { seed: 5, step: 3, begin: 0, end: 12 });
  const parts = [0, 4, 8].flatMap((begin) =>
    drawStarts(windows, { seed: 5, step: 3, begin, end: begin + 4 })
  );
  assertSameBits(parts, whole);
  assert.ok(new Set(whole).size > 8);
});

Deno.test("drawStarts() draws different windows for every step and seed", () => {
  const windows = { text, context: 7 };
  const range = { begin: 0, end: 8 };
  const draws = [[5, 1], [5, 2], [6, 1]].map(([seed, step]) =>
    drawStarts(windows, { seed, step, ...range }).join()
  );
  assert.equal(new Set(draws).size, 3);
});

Deno.test("drawStarts() reaches the first and the last window, and no further", () => {
  const short = { text: text.subarray(0, 9), context: 6 };
  const starts = drawStarts(short, { seed: 1, step: 1, begin: 0, end: 200 });
  assert.deepEqual([...new Set(starts)].sort(), [0, 1, 2]);
});

Deno.test("startsOf() gives every replica its part, and all together each window once", () => {
  const starts = drawStarts({ text, context: 7 }, { seed: 5, step: 1, begin: 0, end: 10 });
  const runs = [0, 1, 2].map((rank) => startsOf(starts, { rank, size: 3 }));
  assertSameBits(runs.flat(), starts);
  assert.deepEqual(runs.map(({ length }) => length), [4, 3, 3]);
});

Deno.test("evenStarts() covers the text with windows that do not overlap", () => {
  const starts = evenStarts({ text, context: 7 }, { maxCount: 1e6 });
  assert.equal(starts.length, Math.floor(999 / 7));
  assert.ok(starts.every((start, k) => k === 0 || start >= starts[k - 1] + 7));
  assert.equal(starts[0], 0);
  assert.equal(starts.at(-1), 1000 - 8);
  const few = evenStarts({ text, context: 7 }, { maxCount: 3 });
  assert.deepEqual(few, [0, 496, 992]);
  assert.deepEqual(evenStarts({ text: text.subarray(0, 8), context: 7 }, { maxCount: 9 }), [0]);
});

Deno.test("makeBatch() pairs each token with the one after it", async () => {
  using device = wasmDevice();
  using batch = makeBatch(device, { text, context: 3, starts: [0, 996] });
  assert.deepEqual(batch.tokens.shape, [2, 3]);
  assertSameBits(await batch.tokens.data(), [0, 3, 6, 2988, 2991, 2994]);
  assertSameBits(await batch.targets.data(), [3, 6, 9, 2991, 2994, 2997]);
});
