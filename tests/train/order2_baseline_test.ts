// The n-gram baseline: probabilities by hand, and that they are a distribution.

import assert from "node:assert/strict";
import { Order2Baseline } from "../../src/train/order2_baseline.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("Order2Baseline returns the probabilities that counting by hand gives", () => {
  // a 4, b 2, c 1; after "b": a 1, c 1; after "ab": a 1, c 1
  const model = new Order2Baseline(bytes("aabaabc"));
  const p0 = (4 + 3 / 256) / (7 + 3);
  const p1 = (1 + 2 * p0) / (2 + 2);
  const p2 = (1 + 2 * p1) / (2 + 2);
  const text = bytes("aba");
  assert.ok(Math.abs(model.probability(text, 0) - p0) < 1e-15);
  assert.ok(Math.abs(model.probability(text, 2) - p2) < 1e-15);
  // "zz" was never seen: the probability of the shorter context.
  assert.ok(Math.abs(model.probability(bytes("zza"), 2) - p0) < 1e-15);
});

Deno.test("Order2Baseline's probabilities of all bytes add up to 1 in every context", () => {
  const model = new Order2Baseline(bytes("the rain in spain stays mainly in the plain"));
  for (const context of ["", "a", "in", "n ", "qq"]) {
    let total = 0;
    for (let byte = 0; byte < 256; byte++) {
      const text = Uint8Array.from([...bytes(context), byte]);
      total += model.probability(text, context.length);
    }
    assert.ok(Math.abs(total - 1) < 1e-12, `${context}: ${total}`);
  }
});

Deno.test("Order2Baseline.loss() is the mean over the predicted bytes of windows", () => {
  const model = new Order2Baseline(bytes("abcabcabd"));
  const text = bytes("xabcab");
  const expected = [2, 3, 4, 5].map((at) => -Math.log(model.probability(text, at)));
  const loss = model.loss({ text, context: 2, starts: [1, 3] });
  assert.ok(Math.abs(loss - expected.reduce((a, b) => a + b) / 4) < 1e-12);
  // Better than a uniform distribution over 256 bytes.
  assert.ok(loss < 0.5 * Math.log(256));
});
