// The steps and bytes on the wire of every collective and algorithm, compared with formulas.
//
//   call           algorithm   steps      payload, all ranks together (n elements in the whole, p ranks)
//   allReduce      one-shot    1          p (p-1) n
//                  two-shot    2          2 (p-1) n
//                  ring        2 (p-1)    2 (p-1) n
//   reduceScatter  direct      1          (p-1) n            ring: p-1 steps
//   allGather      direct      1          (p-1) n            ring: p-1 steps
//   broadcast      direct      1          (p-1) n            chain: p-1 steps
//   reduce         direct      1          (p-1) n
//   allToAll       direct      1          (p-1) n            n elements of every rank, 1/p of them for each
//   barrier        direct      1          0
//
// There is one header per peer and direction; ring and chain have only their neighbours as peers. Steps are measured as the
// time of a call when every byte takes 1 ms to a peer and nothing else takes time.

import { equal } from "node:assert/strict";
import type { AlgorithmOptions } from "../../src/distributed/calls/algorithm_table.ts";
import { type Collective, Engine } from "../../src/distributed/calls/engine.ts";
import { HEADER_BYTES } from "../../src/distributed/wire/frame.ts";
import type { ProcessGroup } from "../../src/distributed/group.ts";
import { simulateGroup } from "../support/distributed/simulated_group.ts";

const SIZES = [2, 3, 4, 5, 6, 7, 8, 9, 13, 16];
const MILLION = 1_000_003;

interface Fact {
  readonly op: Collective["op"];
  readonly algorithm: Collective["algorithm"];
  readonly steps: (size: number) => number;
  /** Elements that all ranks send together. */
  readonly elements: (size: number, count: number) => number;
  readonly run: (group: ProcessGroup, count: number) => Promise<unknown>;
}

const once = () => 1;
const around = (size: number) => size - 1;
const toOthers = (size: number, count: number) => (size - 1) * count;
const zeros = (count: number) => new Float32Array(count);

const allReduce = (group: ProcessGroup, count: number) => group.allReduce(zeros(count));
const reduceScatter = (group: ProcessGroup, count: number) =>
  group.reduceScatter(zeros(count), split(count, group.size));
const allGather = (group: ProcessGroup, count: number) => {
  const counts = split(count, group.size);
  return group.allGather(zeros(counts[group.rank]), counts);
};
const broadcast = (group: ProcessGroup, count: number) => group.broadcast(zeros(count), 1);
const allToAll = (group: ProcessGroup, count: number) => {
  const sendCounts = split(count, group.size);
  const receiveCounts = sendCounts.map(() => sendCounts[group.rank]);
  return group.allToAll(zeros(count), { sendCounts, receiveCounts });
};

const FACTS: readonly Fact[] = [
  {
    op: "allReduce",
    algorithm: "one-shot",
    steps: once,
    elements: (size, count) => size * (size - 1) * count,
    run: allReduce,
  },
  {
    op: "allReduce",
    algorithm: "two-shot",
    steps: () => 2,
    elements: (size, count) => 2 * (size - 1) * count,
    run: allReduce,
  },
  {
    op: "allReduce",
    algorithm: "ring",
    steps: (size) => 2 * (size - 1),
    elements: (size, count) => 2 * (size - 1) * count,
    run: allReduce,
  },
  { op: "reduceScatter", algorithm: "direct", steps: once, elements: toOthers, run: reduceScatter },
  { op: "reduceScatter", algorithm: "ring", steps: around, elements: toOthers, run: reduceScatter },
  { op: "allGather", algorithm: "direct", steps: once, elements: toOthers, run: allGather },
  { op: "allGather", algorithm: "ring", steps: around, elements: toOthers, run: allGather },
  { op: "broadcast", algorithm: "direct", steps: once, elements: toOthers, run: broadcast },
  { op: "broadcast", algorithm: "chain", steps: around, elements: toOthers, run: broadcast },
  {
    op: "reduce",
    algorithm: "direct",
    steps: once,
    elements: toOthers,
    run: (group, count) => group.reduce(zeros(count), 1),
  },
  { op: "allToAll", algorithm: "direct", steps: once, elements: toOthers, run: allToAll },
  {
    op: "barrier",
    algorithm: "direct",
    steps: once,
    elements: () => 0,
    run: (group) => group.barrier(),
  },
];

for (const fact of FACTS) {
  Deno.test(`${fact.op}, ${fact.algorithm}: steps and bytes on the wire match the formula`, async () => {
    for (const size of SIZES) {
      for (const count of [0, 1, size - 1, size, size + 1, 97]) {
        const { bytes, outcomes } = await inOneMillisecondSteps(fact, { size, count });
        const where = `${size} ranks, ${count} elements`;
        const isNeighbourly = fact.algorithm === "ring" || fact.algorithm === "chain";
        const numFrames = isNeighbourly ? size : size * (size - 1);
        const payload = 4 * fact.elements(size, count);
        equal(total(bytes.flat()), numFrames * HEADER_BYTES + payload, where);
        // Without elements only headers are sent, all at once.
        const steps = count === 0 ? 1 : fact.steps(size);
        equal(Math.round(Math.max(...outcomes.map(({ at }) => at))), steps, where);
      }
    }
  });
}

Deno.test("the engine's moves for a million odd elements match the formula, for every size", () => {
  for (const { op, algorithm, elements } of FACTS.filter((fact) => fact.op !== "allToAll")) {
    for (const size of SIZES) {
      const count = op === "barrier" ? 0 : MILLION;
      const [sent, received] = planned({ op, algorithm, count, size });
      equal(sent, 4 * elements(size, count), `${op}, ${algorithm}, ${size} ranks`);
      equal(received, sent);
    }
  }
});

Deno.test("steps and bytes for a million odd elements match the formula", async () => {
  for (const fact of FACTS.filter(({ op }) => op !== "barrier")) {
    const { bytes } = await inOneMillisecondSteps(fact, { size: 3, count: MILLION });
    const isNeighbourly = fact.algorithm === "ring" || fact.algorithm === "chain";
    const numFrames = isNeighbourly ? 3 : 6;
    equal(total(bytes.flat()), numFrames * HEADER_BYTES + 4 * fact.elements(3, MILLION));
  }
});

Deno.test("a group of one rank sends nothing and takes no time", async () => {
  for (const { run } of FACTS.filter(({ op }) => op !== "broadcast" && op !== "reduce")) {
    const { bytes, outcomes } = await simulateGroup({ size: 1, seed: 1 }, (group) => run(group, 5));
    equal(outcomes[0].status, "fulfilled");
    equal(outcomes[0].at, 0);
    equal(total(bytes.flat()), 0);
  }
});

function inOneMillisecondSteps(
  { op, algorithm, run }: Fact,
  { size, count }: { readonly size: number; readonly count: number },
) {
  const algorithms: AlgorithmOptions = { [op]: algorithm };
  const travel = { latencyMs: 1, longest: 2 ** 30, capacity: 2 ** 30 };
  return simulateGroup(
    {
      size,
      seed: count,
      ...travel,
      ...(["allReduce", "reduceScatter", "allGather", "broadcast"].includes(op)
        ? { algorithms }
        : {}),
    },
    (group) => run(group, count),
  );
}

/** Bytes that all ranks are to send, and to receive. */
function planned(
  { op, algorithm, count, size }: Pick<Collective, "op" | "algorithm" | "count"> & {
    readonly size: number;
  },
): readonly [sent: number, received: number] {
  const memory = { values: new Uint8Array(4 * count), result: new Uint8Array(4 * count) };
  const isSplit = op === "reduceScatter" || op === "allGather";
  let [sent, received] = [0, 0];
  for (let rank = 0; rank < size; rank++) {
    using engine = new Engine(rank, size);
    const call = { op, algorithm, count, dtype: "f32", reduction: "sum", root: 0 } as const;
    engine.begin(isSplit ? { ...call, counts: split(count, size) } : call, memory);
    for (let peer = 0; peer < size; peer++) {
      if (peer === rank) continue;
      sent += engine.bytesTo(peer);
      received += engine.bytesFrom(peer);
    }
  }
  return [sent, received];
}

/** Near-equal parts. */
function split(count: number, size: number): number[] {
  return Array.from(
    { length: size },
    (_, rank) => Math.floor(count * (rank + 1) / size) - Math.floor(count * rank / size),
  );
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
