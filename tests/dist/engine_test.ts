// The engine in WebAssembly, simulated: n engines in one place, joined by queues, with a seeded order of delivery and
// reads as short as one byte. The same schedules as in rust_collectives/tests, through the module that ships.

import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { type Collective, Engine } from "../../src/dist/engine.ts";

Deno.test("allReduce sums on every rank, whatever the order of delivery", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.nat({ max: 40 }),
      fc.integer(),
      (size, count, seed) => {
        const inputs = Array.from({ length: size }, (_, rank) => ramp(rank, count));
        const { results, sent } = simulate({ op: "allReduce", count }, inputs, seed);
        const expected = ramp(0, count).map((_, i) =>
          inputs.reduce((sum, each) => sum + each[i], 0)
        );
        for (const result of results) deepEqual(result, expected);
        equal(sent.reduce((sum, each) => sum + each, 0), 2 * (size - 1) * count * 4);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("reduceScatter and allGather of uneven parts undo each other up to the sum", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 7 }),
      fc.integer(),
      (counts, seed) => {
        const count = counts.reduce((sum, each) => sum + each, 0);
        const inputs = counts.map((_, rank) => ramp(rank, count));
        const scattered = simulate({ op: "reduceScatter", counts }, inputs, seed).results;
        const parts = scattered.map((values, rank) => {
          const begin = counts.slice(0, rank).reduce((sum, each) => sum + each, 0);
          return values.map((value, i) => i >= begin && i < begin + counts[rank] ? value : NaN);
        });
        const { results } = simulate({ op: "allGather", counts }, parts, seed + 1);
        const expected = ramp(0, count).map((_, i) =>
          inputs.reduce((sum, each) => sum + each[i], 0)
        );
        for (const result of results) deepEqual(result, expected);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("broadcast brings the root's values to all, each sent on at most once", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(), fc.integer(), (size, anyRoot, seed) => {
      const root = anyRoot % size;
      const inputs = Array.from({ length: size }, (_, rank) => ramp(rank, 11));
      const { results, sent } = simulate({ op: "broadcast", count: 11, root }, inputs, seed);
      for (const result of results) deepEqual(result, inputs[root]);
      ok(sent.every((bytes) => bytes <= 44));
    }),
    { numRuns: 100 },
  );
});

Deno.test("sums longer than a segment are added segment by segment", () => {
  const count = 3 * ((1 << 16) + 5);
  const inputs = [0, 1].map((rank) => ramp(rank, count));
  const { results } = simulate({ op: "allReduce", count }, inputs, 3, 100_000);
  for (const result of results) deepEqual(result, ramp(0, count).map((value) => 3 * value));
});

Deno.test("engines come and go without growing the memory", () => {
  for (let round = 0; round < 600; round++) new Engine(0, 8)[Symbol.dispose]();
  const engines = Array.from({ length: 50 }, () => new Engine(1, 64));
  for (const engine of engines) engine[Symbol.dispose]();
});

/** Runs one collective on `inputs.length` engines; `longest` bounds a delivery, in bytes. */
function simulate(
  collective: Collective,
  inputs: readonly Float32Array<ArrayBuffer>[],
  seed: number,
  longest = 9,
): { results: Float32Array[]; sent: number[] } {
  const size = inputs.length;
  const results = inputs.map((values) => values.slice());
  const engines = inputs.map((_, rank) => new Engine(rank, size));
  const wires = inputs.map(() => inputs.map((): number[] => []));
  const sent = inputs.map(() => 0);
  const random = randomBelow(seed);
  try {
    engines.forEach((engine, rank) =>
      engine.begin(collective, new Uint8Array(results[rank].buffer))
    );
    for (let idle = 0; idle < 40 * size;) {
      const rank = random(size);
      const limit = 1 + random(longest);
      const moved = random(2) === 0
        ? send(rank, (rank + 1) % size, limit)
        : receive(rank, (rank + size - 1) % size, limit);
      idle = moved ? 0 : idle + 1;
    }
    engines.forEach((engine, rank) => {
      const left = (rank + size - 1) % size;
      equal(engine.nextReceive(left), undefined, `rank ${rank} still waits`);
      equal(wires[left][rank].length, 0, "bytes are left over");
    });
    return { results, sent };
  } finally {
    for (const engine of engines) engine[Symbol.dispose]();
  }

  function send(rank: number, peer: number, limit: number): boolean {
    const bytes = engines[rank].nextSend(peer)?.subarray(0, limit);
    if (bytes === undefined) return false;
    for (const byte of bytes) wires[rank][peer].push(byte);
    engines[rank].sent(peer, bytes.length);
    sent[rank] += bytes.length;
    return true;
  }

  function receive(rank: number, peer: number, limit: number): boolean {
    const place = engines[rank].nextReceive(peer);
    const arrived = wires[peer][rank].splice(0, Math.min(limit, place?.length ?? 0));
    if (place === undefined || arrived.length === 0) return false;
    place.set(arrived);
    engines[rank].received(peer, arrived.length);
    return true;
  }
}

function ramp(rank: number, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, index) => (rank + 1) * (index % 100 + 1));
}

/** A small repeatable generator (mulberry32). */
function randomBelow(seed: number): (limit: number) => number {
  let state = seed | 0;
  return (limit) => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) % limit;
  };
}
