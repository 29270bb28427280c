// What is held out of the data.

import assert from "node:assert/strict";
import {
  isHeldOut,
  requireHeldOut,
  splitTail,
  tokenRange,
} from "../../../src/train/data/held_out.ts";
import { tokensInMemory } from "../../../src/train/token_sequence.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";

const TOKENS = Uint8Array.from({ length: 100 }, (_, k) => k);

Deno.test("splitTail() holds out the last tenth and refuses too little text with numbers", async () => {
  const tokens = tokensInMemory(TOKENS);
  const { train, heldOut } = splitTail(tokens, { context: 9 });
  assertSameBits([...train.read(0, train.length), ...heldOut.read(0, heldOut.length)], TOKENS);
  assert.equal(heldOut.length, 10);
  assertSameBits(heldOut.read(2, 4), [92, 93]);
  assert.notEqual(await train.digest(), await heldOut.digest());
  assert.notEqual(await train.digest(), await tokens.digest());
  assert.throws(
    () => splitTail(tokens, { context: 10 }),
    /Cannot train on 100 tokens with windows of 10: .* at least 110 are needed; give more data/,
  );
  assert.throws(() => tokenRange(tokens, 50, 101), /Wanted a range of 100 tokens, got 50 to 101/);
});

Deno.test("isHeldOut() takes one record of each ten, at places that follow no pattern", () => {
  const count = 10_000;
  const held = Array.from({ length: count }, (_, index) => index).filter(isHeldOut);
  assert.equal(held.length, count / 10);
  held.forEach((index, ten) => assert.equal(Math.floor(index / 10), ten));
  // Records of two, three or ten classes in turns: each class has its share.
  for (const classes of [2, 3, 10]) {
    const counts = Array(classes).fill(0);
    for (const index of held) counts[index % classes]++;
    const expected = held.length / classes;
    for (const found of counts) assert.ok(Math.abs(found - expected) < 0.4 * expected, `${counts}`);
  }
  // A training that goes on after an update of this package holds out the same records.
  assert.deepEqual(held.slice(0, 5), PINNED);
  assert.throws(() => requireHeldOut(9), /Cannot train on 9 records: .* at least 10 are needed/);
  requireHeldOut(10);
});

const PINNED = [7, 13, 22, 35, 49];
