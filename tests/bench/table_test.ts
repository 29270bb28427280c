// Columns of the table.

import assert from "node:assert/strict";
import { digits, headLines, type Row, rowLine } from "../../bench/collectives/table.ts";

const FIGURES = { min: 90, p50: 100, p99: 120.4, algbw: 10.49, busbw: 15.73, cpuSecondsPerGB: 0.5 };
const ROW: Row = {
  ...FIGURES,
  op: "allReduce",
  ranks: 4,
  bytes: 1 << 20,
  count: 1 << 18,
  type: "f32",
  transport: "unix",
  algorithm: "ring",
  socket: { roundTrip: 20, oneWay: 2, bothWays: 3 },
  limit: { microseconds: 80, by: "bandwidth" },
  peers: { mpi: { ...FIGURES, p50: 150 }, gloo: undefined },
};

function words(line: string): string[] {
  return line.trim().split(/ +/);
}

Deno.test("rowLine() has nccl-tests' columns, the distance from the limit, and each peer's ratio", () => {
  const ours = "1048576 262144 f32 unix ring 90.0 100 120 10.5 15.7 0.500 20.0 80.0 bandwidth 1.25";
  assert.deepEqual(words(rowLine(ROW, [])), words(ours));
  assert.deepEqual(words(rowLine(ROW, ["mpi"])), words(`${ours} 150 15.7 0.500 1.50`));
});

Deno.test("rowLine() leaves out what is not known", () => {
  assert.deepEqual(words(rowLine(ROW, ["gloo"])).slice(-4), ["-", "-", "-", "-"]);
  const { limit: _, ...rest } = ROW;
  assert.deepEqual(words(rowLine({ ...rest, limit: undefined }, [])).slice(-3), ["-", "-", "-"]);
});

Deno.test("columns end where their titles end", () => {
  const lines = [...headLines(["mpi"]), rowLine(ROW, ["mpi"])];
  assert.equal(new Set(lines.map(({ length }) => length)).size, 1);
  for (const title of ["size", "p50", "by", "ratio"]) {
    const end = new RegExp(`\\b${title}\\b`).exec(lines[0])!.index + title.length;
    assert.match(lines[2].slice(0, end), /\S$/);
  }
});

Deno.test("digits() keeps three that count", () => {
  assert.deepEqual([1234.5, 123.45, 12.345, 1.2345, 0.12345].map(digits), [
    "1235",
    "123",
    "12.3",
    "1.23",
    "0.123",
  ]);
});
