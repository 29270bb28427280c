// Payloads that do not fit into one write with their header, and so are written from and read to the values themselves:
// every collective, every algorithm, several pending calls and calls in sequence on the same memory. The ends of writes and
// reads may be reported long after they happened (simulated_wire.ts), so that answers overwrite bytes that were sent.
// MESHFACTOR_SEEDS=2000 runs that many seeds.

import { equal, ok } from "node:assert/strict";
import { algorithmsOf } from "../../../src/distributed/calls/algorithm_table.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { randomBelow } from "../../support/distributed/random_below.ts";
import { simulateGroup } from "../../support/distributed/simulated_group.ts";

const NUM_SEEDS = Number(Deno.env.get("MESHFACTOR_SEEDS") ?? 20);

for (const transport of ["tcp", "unix"] as const) {
  Deno.test(`payloads longer than a write with the header are correct over ${transport}, also if writes end late`, async () => {
    for (let seed = 0; seed < NUM_SEEDS; seed++) {
      const random = randomBelow(seed + 1);
      const pick = <T>(choices: readonly T[]) => choices[random(choices.length)];
      const { outcomes } = await simulateGroup({
        size: 2 + random(3),
        seed,
        transport,
        longest: pick([9_000, 40_000, 70_000, 400_000]),
        capacity: pick([20_000, 150_000, 500_000]),
        algorithms: {
          allReduce: pick(algorithmsOf("allReduce")),
          reduceScatter: pick(algorithmsOf("reduceScatter")),
          allGather: pick(algorithmsOf("allGather")),
          broadcast: pick(algorithmsOf("broadcast")),
        },
      }, (group) => callsInFlight(group, seed));
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") {
          throw new Error(`Seed ${seed} of ${transport}`, { cause: outcome.reason });
        }
        equal(outcome.status, "fulfilled");
      }
    }
  });
}

/** Makes calls in a seeded order, the same on every rank, all at once or some after others have ended. */
async function callsInFlight(group: ProcessGroup, seed: number): Promise<void> {
  const random = randomBelow(seed + 7);
  const running: Promise<void>[] = [];
  for (let i = 0; i < 5; i++) {
    // From less than one write with the header to several segments per rank.
    const count = 1 + random(120_000);
    running.push(CALLS[random(CALLS.length)](group, count));
    if (random(2) === 0) await Promise.all(running.splice(0));
  }
  await Promise.all(running);
}

const CALLS: readonly ((group: ProcessGroup, count: number) => Promise<void>)[] = [
  async (group, count) => {
    const { rank, size } = group;
    const values = Float32Array.from({ length: count }, (_, i) => (rank + 1) * (i % 99));
    // On the same memory, one after the other: the second begins when the first has resolved.
    await group.allReduce(values);
    requireEach(values, (i) => size * (size + 1) / 2 * (i % 99));
    values.set(Float32Array.from({ length: count }, (_, i) => (rank + 1) * (i % 98)));
    await group.allReduce(values, { op: "max" });
    requireEach(values, (i) => size * (i % 98));
  },
  async (group, count) => {
    const { rank, size } = group;
    const values = Uint16Array.from({ length: count }, (_, i) => HALVES[(rank + i) % 8]);
    await group.allReduce(values, { dtype: "f16", op: "max" });
    requireEach(values, (i) => HALVES[Math.max(...ranksOf(size).map((each) => (each + i) % 8))]);
  },
  async (group, count) => {
    const { rank, size } = group;
    const counts = uneven(size, count);
    const begin = sum(counts.slice(0, rank));
    const values = Int32Array.from({ length: sum(counts) }, (_, i) => (rank + 1) * i);
    const part = await group.reduceScatter(values, counts);
    equal(part.length, counts[rank]);
    requireEach(part, (i) => size * (size + 1) / 2 * (begin + i));
    requireEach(values, (i) => (rank + 1) * i);
  },
  async (group, count) => {
    const { rank, size } = group;
    const counts = uneven(size, count);
    const begin = sum(counts.slice(0, rank));
    const shard = Float32Array.from({ length: counts[rank] }, (_, i) => begin + i);
    requireEach(await group.allGather(shard, counts), (i) => i);
  },
  async (group, count) => {
    const { rank, size } = group;
    const values = Float32Array.from({ length: count }, (_, i) => 1000 * rank + i % 77);
    await group.broadcast(values, 1);
    requireEach(values, (i) => 1000 + i % 77);
    values.fill(rank);
    await group.broadcast(values, size - 1);
    requireEach(values, () => size - 1);
  },
  async (group, count) => {
    const { rank, size } = group;
    const values = Float32Array.from({ length: count }, (_, i) => (rank + 1) * (i % 55));
    await group.reduce(values, 0);
    requireEach(values, (i) => (rank === 0 ? size * (size + 1) / 2 : rank + 1) * (i % 55));
  },
  async (group, count) => {
    const { rank, size } = group;
    const counts = uneven(size, count);
    const values = new Uint32Array(sum(counts));
    let begin = 0;
    for (const [to, each] of counts.entries()) {
      values.fill(100 * rank + to, begin, begin += each);
    }
    const receiveCounts = counts.map(() => counts[rank]);
    const result = await group.allToAll(values, { sendCounts: counts, receiveCounts });
    requireEach(result, (i) => 100 * Math.floor(i / counts[rank]) + rank);
  },
  async (group, count) => {
    const { rank, size } = group;
    const [right, left] = [(rank + 1) % size, (rank + size - 1) % size];
    const numbers = (from: number, offset: number) =>
      Float32Array.from({ length: count }, (_, i) => from + offset + i % 50);
    const [first, second] = [new Float32Array(count), new Float32Array(count)];
    await Promise.all([
      group.send(numbers(rank, 0), right),
      group.receive(first, left),
      group.send(numbers(rank, 9), right),
      group.receive(second, left),
    ]);
    assertSameBits(first, numbers(left, 0));
    assertSameBits(second, numbers(left, 9));
  },
];

/** As `deepEqual`, without a second array. */
function requireEach(
  values: Float32Array | Int32Array | Uint16Array | Uint32Array,
  expected: (i: number) => number,
): void {
  const wrong = values.findIndex((value, i) => value !== expected(i));
  ok(wrong < 0, `${values[wrong]} at ${wrong}, expected ${expected(wrong)}`);
}

/** Parts of about `count` in all; the first is empty where there are three. */
function uneven(size: number, count: number): number[] {
  return ranksOf(size).map((rank) => Math.floor(count / size) * (size === 3 ? rank : 1) + rank);
}

function ranksOf(size: number): number[] {
  return Array.from({ length: size }, (_, rank) => rank);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, each) => all + each, 0);
}

/** f16 bits in the order of their values. */
const HALVES = [0xbc00, 0x0000, 0x0001, 0x3c00, 0x4000, 0x5640, 0x7bff, 0x7c00];
