// The engine's algorithms as TypeScript reads them: their numbers on the wire, and what each can run.

import { deepEqual, equal, ok, throws } from "node:assert/strict";
import {
  ALGORITHM_NAMES,
  algorithmNamed,
  ALGORITHMS,
} from "../../../src/distributed/wire/algorithms.ts";
import { OPS } from "../../../src/distributed/wire/call_kind.ts";

Deno.test("algorithms keep their numbers on the wire", () => {
  deepEqual(ALGORITHM_NAMES.slice(0, 5), ["ring", "chain", "direct", "one-shot", "two-shot"]);
});

Deno.test("every collective has an algorithm, and a message point to point has none", () => {
  for (const op of OPS) {
    const names = ALGORITHMS.filter(({ collectives }) => collectives.includes(op));
    equal(names.length > 0, op !== "send", op);
  }
  deepEqual(algorithmNamed("ring").collectives, ["allReduce", "reduceScatter", "allGather"]);
  deepEqual(algorithmNamed("chain").collectives, ["broadcast"]);
});

Deno.test("a ring passes partial sums on, direct algorithms do not", () => {
  ok(algorithmNamed("ring").passesPartialSums);
  for (const name of ["direct", "one-shot", "two-shot"]) {
    ok(!algorithmNamed(name).passesPartialSums);
  }
});

Deno.test("ring and chain send to the next rank only, direct algorithms to every other", () => {
  for (const { name, sends } of ALGORITHMS.slice(0, 5)) {
    const isNext = name === "ring" || name === "chain";
    for (const [from, to] of [[0, 1], [1, 0], [0, 2], [3, 0], [2, 3]]) {
      equal(sends(from, to, 4), isNext ? to === (from + 1) % 4 : true, `${name} ${from} ${to}`);
    }
    ok(!sends(2, 2, 4), name);
  }
});

Deno.test("an algorithm that the engine does not have is named in the error", () => {
  throws(() => algorithmNamed("spiral"), /RangeError: There is no algorithm spiral/);
});
