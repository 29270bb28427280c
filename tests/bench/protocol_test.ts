// The lines between the benchmark and the ranks that it measures, in whatever language those are written.

import assert from "node:assert/strict";
import {
  formatTimes,
  formatTurn,
  parseHello,
  parseTimes,
  parseTurn,
  RankError,
} from "../../bench/collectives/protocol.ts";
import { OPS } from "../../bench/collectives/sweep.ts";

const TURN = { op: "allGather", count: 1024, warmup: 5, iterations: 20, check: "on" } as const;

Deno.test("a turn survives its line", () => {
  assert.equal(formatTurn(TURN), "run allGather 1024 5 20 on");
  assert.deepEqual(parseTurn(formatTurn(TURN), OPS), TURN);
});

Deno.test("parseTurn() refuses what is no turn", () => {
  const wrong = [
    "",
    "run",
    "run gather 1 1 1 on",
    "run allGather -1 1 1 on",
    "run allGather 1 1 1",
  ];
  for (const line of [...wrong, "run allGather 1 1 1 maybe", "run allGather 1 1 1 on more"]) {
    assert.throws(() => parseTurn(line, OPS), SyntaxError, line);
  }
});

Deno.test("times survive their line to a nanosecond", () => {
  const times = { algorithm: "ring", cpuSeconds: 0.25, microseconds: [1.5, 20.125] };
  assert.equal(formatTimes(times), "times ring 0.250000 1.500 20.125");
  assert.deepEqual(parseTimes(formatTimes(times), 2), times);
});

Deno.test("parseTimes() reads what the ranks in C and Python write", () => {
  const times = parseTimes("times - 0.001234 13.003 12.900", 2);
  assert.deepEqual(times, { algorithm: "-", cpuSeconds: 0.001234, microseconds: [13.003, 12.9] });
});

Deno.test("parseTimes() refuses a line with too few times, no numbers, or less than nothing", () => {
  for (
    const line of [
      "times - 0.1 1",
      "times - 0.1 1 2 3",
      "times - 0.1 1 nan",
      "times - -1 1 2",
      "time",
    ]
  ) {
    assert.throws(() => parseTimes(line, 2), SyntaxError, line);
  }
});

Deno.test("parseTimes() throws what the rank says that went wrong", () => {
  assert.throws(
    () => parseTimes("error rank 1's result is wrong", 2),
    (error) => error instanceof RankError && error.message === "rank 1's result is wrong",
  );
});

Deno.test("parseHello() lets in who knows the token only", () => {
  assert.equal(parseHello("rank 3 secret", "secret"), 3);
  for (const line of ["rank 3 other", "rank x secret", "rank 3", "GET / HTTP/1.1", ""]) {
    assert.equal(parseHello(line, "secret"), undefined, line);
  }
});
