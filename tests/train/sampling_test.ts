// Sampling tokens from logits.

import assert from "node:assert/strict";
import { drawToken } from "../../src/train/sampling.ts";

const logits = Float32Array.from([1, 3, 2].map((chance) => Math.log(chance)));

Deno.test("drawToken() draws each token with its probability", () => {
  const counts = [0, 0, 0];
  for (let k = 0; k < 600; k++) {
    counts[drawToken(logits, { temperature: 1, uniform: (k + 0.5) / 600 })]++;
  }
  assert.deepEqual(counts, [100, 300, 200]);
});

Deno.test("drawToken() favours likely tokens with a low temperature and takes the most likely with 0", () => {
  const counts = [0, 0, 0];
  // 1 : 9 : 4
  for (let k = 0; k < 1400; k++) {
    counts[drawToken(logits, { temperature: 0.5, uniform: (k + 0.5) / 1400 })]++;
  }
  assert.deepEqual(counts, [100, 900, 400]);
  assert.equal(drawToken(logits, { temperature: 0, uniform: 0 }), 1);
});

Deno.test("drawToken() takes the last token if rounding leaves none", () => {
  assert.equal(drawToken(logits, { temperature: 1, uniform: 1 }), 2);
});
