// Windows of a text: a pass covers it, and later passes have other windows.

import assert from "node:assert/strict";
import { causalWindows, windowStart } from "../../../src/train/tasks/causal_windows.ts";
import { tokensInMemory } from "../../../src/train/token_sequence.ts";

const text = tokensInMemory(Uint16Array.from({ length: 1001 }, (_, k) => k));
const options = { train: text, heldOut: text, context: 10, evaluateTokens: 50, seed: 3 };

function startsOfPass(epoch: number, { seed = 3, length = 1001 } = {}): number[] {
  const numWindows = Math.floor((length - 1) / 10);
  return Array.from(
    { length: numWindows },
    (_, index) => windowStart({ text: { length }, context: 10, seed }, { index, epoch }),
  );
}

Deno.test("the windows of the first pass predict every token after the first once", () => {
  const { train } = causalWindows(options);
  assert.equal(train.length, 100);
  assert.deepEqual(startsOfPass(0), Array.from({ length: 100 }, (_, k) => 10 * k));
});

Deno.test("windows of later passes begin elsewhere, and are whole", () => {
  const passes = [1, 2, 3].map((epoch) => startsOfPass(epoch));
  assert.equal(new Set(passes.map((starts) => starts[0])).size, 3);
  assert.notDeepEqual(startsOfPass(1, { seed: 4 }), passes[0]);
  for (const starts of passes) {
    assert.ok(starts.every((start) => start >= 0 && start + 10 < 1001));
    // No two windows begin at the same token, and hardly any token is left out.
    assert.equal(new Set(starts).size, 100);
    const predicted = new Set(
      starts.flatMap((start) => Array.from({ length: 10 }, (_, t) => start + t + 1)),
    );
    assert.ok(predicted.size >= 980, `${predicted.size}`);
  }
});

Deno.test("a text of one window and the token after it has that window alone", () => {
  for (const epoch of [0, 1, 7]) assert.deepEqual(startsOfPass(epoch, { length: 11 }), [0]);
});

Deno.test("a text without a whole window is refused", () => {
  const short = tokensInMemory(Uint16Array.from({ length: 10 }, (_, k) => k));
  assert.throws(
    () => causalWindows({ ...options, train: short }),
    /A text of 10 tokens has no window of 10 and the token after it/,
  );
});

Deno.test("evaluations have as many windows as fit into the number of tokens", () => {
  assert.equal(causalWindows(options).heldOut.length, 5);
  assert.equal(causalWindows({ ...options, evaluateTokens: 1 }).heldOut.length, 1);
  assert.equal(causalWindows({ ...options, evaluateTokens: 1e6 }).heldOut.length, 100);
});
