// Windows of a text.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { evenStarts, makeBatch } from "../../src/train/token_batch.ts";
import { tokensInMemory } from "../../src/train/token_sequence.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";

const text = Uint16Array.from({ length: 1000 }, (_, k) => 3 * k);

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
  using batch = makeBatch(device, { text: tokensInMemory(text), context: 3, starts: [0, 996] });
  assert.deepEqual(batch.tokens.shape, [2, 3]);
  assertSameBits(await batch.tokens.data(), [0, 3, 6, 2988, 2991, 2994]);
  assertSameBits(await batch.targets.data(), [3, 6, 9, 2991, 2994, 2997]);
});
