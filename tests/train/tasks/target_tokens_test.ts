import assert from "node:assert/strict";
import { tokensOfParts } from "../../../src/train/tasks/target_tokens.ts";

/** Pairs of equal letters are one token. */
const paired = {
  encode: (text: string) =>
    [...text.matchAll(/(.)\1?/gs)].map(([pair]) => 1000 * pair.length + pair.charCodeAt(0)),
};
const part = (text: string, isTarget: boolean) => ({ text, isTarget });

Deno.test("tokens are those of the whole text where no token reaches over the end of a part", () => {
  const { tokens, isTarget } = tokensOfParts([part("aab", false), part("cc", true)], paired);
  assert.deepEqual(tokens, paired.encode("aabcc"));
  assert.deepEqual(isTarget, [false, false, true]);
  const three = tokensOfParts([part("a", false), part("", true), part("bb", true)], paired);
  assert.deepEqual(three.isTarget, [false, true]);
});

Deno.test("parts are tokenized alone where a token would reach over the end of one", () => {
  const { tokens, isTarget } = tokensOfParts([part("ab", false), part("bc", true)], paired);
  assert.deepEqual(tokens, [1097, 1098, 1098, 1099]);
  assert.deepEqual(isTarget, [false, false, true, true]);
});
