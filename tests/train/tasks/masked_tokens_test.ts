import assert from "node:assert/strict";
import { IGNORE_INDEX } from "../../../src/ops/cross_entropy.ts";
import { maskTokens } from "../../../src/train/tasks/masked_tokens.ts";

const SPECIAL = new Set([0, 1, 2, 3, 4]);
const masking = { seed: 7, maskToken: 4, vocabularySize: 1000, special: SPECIAL };
const text = Uint32Array.from({ length: 400 }, (_, at) => at % 50 === 0 ? 2 : 100 + at);

Deno.test("15 % of the tokens are chosen, of which 80 % are masked and 10 % random; special ones never", () => {
  const counts = { chosen: 0, masked: 0, kept: 0, all: 0 };
  for (let index = 0; index < 60; index++) {
    const { tokens, targets, numTargets } = maskTokens(text, { index, epoch: 0 }, masking);
    assert.equal(numTargets, targets.filter((each) => each !== IGNORE_INDEX).length);
    text.forEach((token, at) => {
      if (!SPECIAL.has(token)) counts.all++;
      if (targets[at] === IGNORE_INDEX) return assert.equal(tokens[at], token);
      assert.equal(targets[at], token);
      assert.ok(!SPECIAL.has(token) && tokens[at] < 1000);
      counts.chosen++;
      if (tokens[at] === 4) counts.masked++;
      if (tokens[at] === token) counts.kept++;
    });
  }
  const near = (share: number, wanted: number) =>
    assert.ok(Math.abs(share - wanted) < 0.02, `${share}, wanted ${wanted}`);
  near(counts.chosen / counts.all, 0.15);
  near(counts.masked / counts.chosen, 0.8);
  near(counts.kept / counts.chosen, 0.1);
});

Deno.test("masks depend on seed, pass and example alone", () => {
  const masked = (index: number, epoch: number, seed = 7) =>
    [...maskTokens(text, { index, epoch }, { ...masking, seed }).tokens].join();
  assert.equal(masked(3, 1), masked(3, 1));
  const others = [masked(3, 1), masked(4, 1), masked(3, 2), masked(3, 1, 8)];
  assert.equal(new Set(others).size, 4);
});

Deno.test("a text of one token that is not special has one target", () => {
  for (let index = 0; index < 30; index++) {
    const short = Uint32Array.of(2, 77, 3);
    const { targets, numTargets } = maskTokens(short, { index, epoch: 0 }, masking);
    assert.deepEqual([...targets], [IGNORE_INDEX, 77, IGNORE_INDEX]);
    assert.equal(numTargets, 1);
  }
});
