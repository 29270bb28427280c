// Tokens against the definitions of transformers, in plain loops over all probabilities.

import assert from "node:assert/strict";
import {
  drawToken,
  mostLikely,
  penalizeRepetition,
  type SamplingRules,
  suppress,
} from "../../../src/models/generation/next_token.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { assertClose } from "../../support/assert_close.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";

/** Probabilities of tokens: temperature, TopKLogitsWarper, TopPLogitsWarper. */
function probabilities(
  logits: Float32Array,
  { temperature, topK, topP = 1 }: SamplingRules,
): number[] {
  const softmax = (scores: readonly number[]) => {
    const shares = scores.map((x) => Math.exp(x - Math.max(...scores)));
    const sum = shares.reduce((a, b) => a + b);
    return shares.map((share) => share / sum);
  };
  let scores = Array.from(logits, (x) => x / temperature);
  if (topK !== undefined) {
    const least = scores.toSorted((a, b) => b - a)[Math.min(topK, scores.length) - 1];
    scores = scores.map((x) => x < least ? -Infinity : x);
  }
  if (topP < 1) {
    const ascending = [...scores.keys()].sort((a, b) => scores[a] - scores[b]);
    const shares = softmax(scores);
    let sum = 0;
    const removed = new Set(ascending.slice(0, -1).filter((k) => (sum += shares[k]) <= 1 - topP));
    scores = scores.map((x, k) => removed.has(k) ? -Infinity : x);
  }
  return softmax(scores);
}

function randomLogits(count: number, spread: number): Float32Array {
  const stream = new RandomSource(7).stream();
  return Float32Array.from({ length: count }, (_, k) => spread * stream.normal(k));
}

const rules: readonly SamplingRules[] = [
  { temperature: 1 },
  { temperature: 0.3 },
  { temperature: 5 },
  { temperature: 1, topK: 1 },
  { temperature: 1, topK: 7 },
  { temperature: 1, topK: 1000 },
  { temperature: 1, topP: 0.6 },
  { temperature: 2, topP: 0.95 },
  { temperature: 1, topP: 1e-9 },
  { temperature: 0.7, topK: 20, topP: 0.8 },
];

for (const rule of rules) {
  Deno.test(`drawToken() with ${JSON.stringify(rule)} draws tokens with the probabilities of transformers`, () => {
    for (const spread of [0.1, 3, 30]) {
      const logits = randomLogits(60, spread);
      const counts = new Array<number>(60).fill(0);
      const draws = 4000;
      for (let k = 0; k < draws; k++) {
        counts[drawToken(logits, { ...rule, uniform: (k + 0.5) / draws })]++;
      }
      // Each token has an interval of uniform numbers, at whose ends one draw more or less may fall into it.
      assertClose(counts.map((count) => count / draws), probabilities(logits, rule), {
        absolute: 1.01 / draws,
      });
    }
  });
}

Deno.test("drawToken() keeps tokens that are as likely as the last of topK", () => {
  const logits = Float32Array.of(0, 2, 1, 1, -3);
  const drawn = new Set(
    Array.from(
      { length: 100 },
      (_, k) => drawToken(logits, { temperature: 1, topK: 2, uniform: k / 100 }),
    ),
  );
  assert.deepEqual(drawn, new Set([1, 2, 3]));
});

Deno.test("drawToken() draws of a large vocabulary as of a small one", () => {
  const logits = randomLogits(50_000, 1);
  const expected = probabilities(logits, { temperature: 1 });
  const order = [...expected.keys()].sort((a, b) => expected[b] - expected[a]);
  for (const uniform of [0, 0.3, 0.9, 0.9999]) {
    let sum = 0;
    const wanted = order.find((k) => (sum += expected[k]) > uniform);
    assert.equal(drawToken(logits, { temperature: 1, uniform }), wanted);
  }
});

Deno.test("penalizeRepetition() divides positive logits and multiplies negative ones, once for each token", () => {
  const logits = Float32Array.of(4, -4, 1, 0);
  const penalized = penalizeRepetition(logits, { seen: [0, 1, 0, 3], penalty: 2 });
  assertSameBits(penalized, Float32Array.of(2, -8, 1, 0));
  assertSameBits(logits, Float32Array.of(4, -4, 1, 0));
});

Deno.test("mostLikely() takes the first of several, and refuses NaN", () => {
  assert.equal(mostLikely(Float32Array.of(1, 3, 3)), 1);
  assert.throws(() => mostLikely(Float32Array.of(1, NaN, 3)), /logits are not numbers/);
});

Deno.test("suppressed tokens are never taken, whatever is drawn, and never all", () => {
  const logits = Float32Array.of(3, 9, -1, 2, 9);
  const left = suppress(logits, [1, 4, 17]);
  assertSameBits([...left], [3, -Infinity, -1, 2, -Infinity]);
  assertSameBits([...logits], [3, 9, -1, 2, 9]);
  assert.equal(mostLikely(left), 0);
  for (const uniform of [0, 0.3, 0.9, 1 - 2 ** -32]) {
    for (const rules of [{}, { topK: 4 }, { topP: 0.9999 }]) {
      const token = drawToken(left, { uniform, temperature: 1, ...rules });
      assert.ok([0, 2, 3].includes(token), `${token} with ${uniform}`);
    }
  }
  assert.equal(suppress(logits, []), logits);
  assert.throws(() => suppress(logits, [0, 1, 2, 3, 4]), /All 5 tokens are suppressed/);
});
