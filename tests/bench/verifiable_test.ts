// Inputs whose sums are known to the bit, and what is found wrong with results.

import assert from "node:assert/strict";
import { type Op, OPS, sharesOf } from "../../bench/collectives/sweep.ts";
import { inputOf, mistakeIn } from "../../bench/collectives/verifiable.ts";

const RANKS = [2, 3, 4, 7];
const COUNTS = [1, 5, 2048, 10_007];

/** The right result, by the definition of each collective. */
function resultOf(op: Op, count: number, { rank, ranks }: { rank: number; ranks: number }) {
  const inputs = Array.from(
    { length: ranks },
    (_, each) => inputOf(op, count, { rank: each, ranks }),
  );
  if (op === "broadcast") return inputs[0];
  if (op === "allGather") return Float32Array.from(inputs.flatMap((input) => [...input]));
  const sums = inputs[0].map((_, i) => inputs.reduce((sum, input) => sum + input[i], 0));
  if (op === "allReduce") return sums;
  const shares = sharesOf(count, ranks);
  const begin = shares.slice(0, rank).reduce((sum, share) => sum + share, 0);
  return sums.slice(begin, begin + shares[rank]);
}

function forEachCase(
  body: (op: Op, count: number, place: { rank: number; ranks: number }) => void,
) {
  for (const op of OPS) {
    for (const ranks of RANKS) {
      for (const count of COUNTS) {
        for (let rank = 0; rank < ranks; rank++) body(op, count, { rank, ranks });
      }
    }
  }
}

Deno.test("mistakeIn() finds nothing in a right result", () => {
  forEachCase((op, count, place) => {
    assert.equal(mistakeIn(resultOf(op, count, place), { op, count, place }), undefined);
  });
});

Deno.test("sums of inputs are whole numbers up to 256, exact in every type", () => {
  forEachCase((op, count, place) => {
    assert.ok(resultOf(op, count, place).every((sum) => Number.isInteger(sum) && sum <= 256));
  });
});

Deno.test("mistakeIn() finds one wrong element, and says which", () => {
  forEachCase((op, count, place) => {
    const result = resultOf(op, count, place);
    if (result.length === 0) return;
    result[result.length - 1] += 1;
    assert.match(mistakeIn(result, { op, count, place })!, /^element \d+ is \d+ instead of \d+$/);
  });
});

Deno.test("mistakeIn() finds a result that misses a rank, has one twice, or is shifted by a segment", () => {
  const [op, count] = ["allReduce", 10_007] as const;
  for (const ranks of RANKS) {
    const place = { rank: 0, ranks };
    const right = resultOf(op, count, place);
    const [first, last] = [0, ranks - 1].map((rank) => inputOf(op, count, { rank, ranks }));
    const wrong = [
      right.map((sum, i) => sum - last[i]),
      right.map((sum, i) => sum - last[i] + first[i]),
      right.map((_, i) => right[(i + 4096) % count]),
    ];
    for (const result of wrong) assert.notEqual(mistakeIn(result, { op, count, place }), undefined);
  }
});

Deno.test("mistakeIn() finds a result that is too short", () => {
  const call = { op: "allReduce", count: 8, place: { rank: 0, ranks: 2 } } as const;
  assert.equal(mistakeIn(new Float32Array(7), call), "it has 7 elements instead of 8");
});
