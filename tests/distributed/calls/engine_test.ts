// The engine in WebAssembly, simulated: n engines in one process, connected by queues, with a seeded order of delivery and
// reads as short as one byte. The same cases as in rust_collectives/tests, through the module that ships.

import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import {
  type Collective,
  Engine,
  FULL,
  segmentBytes,
} from "../../../src/distributed/calls/engine.ts";
import type { Elements } from "../../../src/distributed/group.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { randomBelow } from "../../support/distributed/random_below.ts";

const ALL_REDUCE = ["one-shot", "two-shot", "ring"] as const;
const SIZES = [2, 3, 4, 5, 6, 7, 8, 9, 13, 16];

Deno.test("allReduce sums on every rank, for any size, count, algorithm and order of delivery", () => {
  for (const size of SIZES) {
    for (const count of [0, 1, size - 1, size, size + 1, 13, 97]) {
      for (const algorithm of ALL_REDUCE) {
        const inputs = Array.from({ length: size }, (_, rank) => ramp(rank, count));
        const call = { ...SUM, op: "allReduce", algorithm, count } as const;
        const { results, sent } = simulate(call, inputs, { seed: count, longest: 30 });
        for (const result of results) assertSameBits(result, sumOf(inputs));
        const times = algorithm === "one-shot" ? size : 2;
        equal(sent.reduce((sum, each) => sum + each, 0), times * (size - 1) * count * 4);
      }
    }
  }
});

Deno.test("allGather after reduceScatter of uneven parts gives the sum", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 9 }), { minLength: 2, maxLength: 7 }),
      fc.constantFrom("direct" as const, "ring" as const),
      fc.integer(),
      (counts, algorithm, seed) => {
        const count = counts.reduce((sum, each) => sum + each, 0);
        const inputs = counts.map((_, rank) => ramp(rank, count));
        const begins = counts.map((_, rank) =>
          counts.slice(0, rank).reduce((sum, each) => sum + each, 0)
        );
        const call = { ...SUM, algorithm, count, counts };
        const parts = counts.map((each) => new Float32Array(each));
        const scattered = simulate(
          { ...call, op: "reduceScatter" },
          inputs,
          algorithm === "direct" ? { seed, results: parts } : { seed },
        ).results;
        const shards = algorithm === "direct"
          ? scattered
          : scattered.map((values, rank) =>
            values.slice(begins[rank], begins[rank] + counts[rank])
          );
        const wholes = shards.map((shard, rank) => {
          const whole = new Float32Array(count).fill(NaN);
          whole.set(shard, begins[rank]);
          return whole;
        });
        const { results } = simulate(
          { ...call, op: "allGather" },
          shards,
          { seed: seed + 1, results: wholes },
        );
        for (const result of results) assertSameBits(result, sumOf(inputs));
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("broadcast copies the root's values to all; in a chain each rank forwards them at most once", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 9 }),
      fc.nat(),
      fc.constantFrom("direct" as const, "chain" as const),
      fc.integer(),
      (size, anyRoot, algorithm, seed) => {
        const root = anyRoot % size;
        const inputs = Array.from({ length: size }, (_, rank) => ramp(rank, 11));
        const call = { ...SUM, op: "broadcast", algorithm, count: 11, root } as const;
        const { results, sent } = simulate(call, inputs, { seed });
        for (const result of results) assertSameBits(result, inputs[root]);
        if (algorithm === "chain") ok(sent.every((bytes) => bytes <= 44));
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("sums longer than a segment are folded one segment at a time", () => {
  for (const algorithm of ALL_REDUCE) {
    const count = 3 * (segmentBytes(3) / 4 + 5);
    const inputs = [0, 1, 2].map((rank) => ramp(rank, count));
    const call = { ...SUM, op: "allReduce", algorithm, count } as const;
    const { results } = simulate(call, inputs, { seed: 3, longest: 100_000 });
    for (const result of results) assertSameBits(result, ramp(0, count).map((value) => 6 * value));
  }
});

Deno.test("terms that cancel at every pair of ranks give the same bits everywhere, those of the tree of ranks", () => {
  for (const size of [2, 3, 5, 8]) {
    for (let pair = 0; pair < size * size; pair++) {
      const [big, minusBig] = [pair % size, Math.floor(pair / size)];
      const inputs = Array.from({ length: size }, (_, rank) =>
        new Float32Array(19).fill(
          rank === big ? 1e30 : rank === minusBig ? -1e30 : 1e-7 * (rank + 1),
        ));
      for (const algorithm of ALL_REDUCE) {
        const call = { ...SUM, op: "allReduce", algorithm, count: 19 } as const;
        const { results } = simulate(call, inputs, { seed: pair });
        for (const result of results) assertSameBits(result, results[0]);
        if (algorithm !== "ring") assertSameBits(results[0], sumOf(inputs));
      }
    }
  }
});

Deno.test("a sum over 2, 4 or 8 ranks of each rank's own sums has the bits of the sum over 16", () => {
  const random = randomBelow(5);
  const inputs = Array.from(
    { length: 16 },
    () => Float32Array.from({ length: 33 }, () => (random(1 << 24) - 8e6) * 1.1),
  );
  const call = { ...SUM, op: "allReduce", algorithm: "two-shot", count: 33 } as const;
  const sum = (terms: readonly Float32Array[]) => simulate(call, terms, { seed: 1 }).results[0];
  const whole = sum(inputs);
  for (const ranks of [2, 4, 8]) {
    const own = 16 / ranks;
    const sums = Array.from(
      { length: ranks },
      (_, rank) => sum(inputs.slice(rank * own, (rank + 1) * own)),
    );
    assertSameBits(sum(sums), whole);
  }
});

Deno.test("inputs with exact sums are summed exactly, in every element type", () => {
  // As in nccl-tests: integers small enough that no partial sum is rounded.
  const kinds = {
    f32: Float32Array,
    f64: Float64Array,
    i32: Int32Array,
    u32: Uint32Array,
    f16: Float16Array,
  } as const;
  for (const size of [2, 4, 7]) {
    for (const dtype of ["f32", "f64", "i32", "u32", "f16"] as const) {
      const term = (rank: number, i: number) => (rank * 17 + i * 5) % 31;
      const make = (value: (i: number) => number) =>
        kinds[dtype].from(Array.from({ length: 57 }, (_, i) => value(i)));
      const inputs = Array.from({ length: size }, (_, rank) => make((i) => term(rank, i)));
      const terms = (i: number) => Array.from({ length: size }, (_, rank) => term(rank, i));
      const expected = {
        sum: make((i) => terms(i).reduce((sum, each) => sum + each, 0)),
        max: make((i) => Math.max(...terms(i))),
        min: make((i) => Math.min(...terms(i))),
      };
      for (const algorithm of ALL_REDUCE) {
        for (const reduction of ["sum", "max", "min"] as const) {
          const call = { ...SUM, op: "allReduce", algorithm, dtype, reduction, count: 57 } as const;
          const { results } = simulate(call, inputs, { seed: size });
          for (const result of results) assertSameBits(result, expected[reduction]);
        }
      }
    }
  }
});

Deno.test("16-bit floats are summed in f32 and rounded once, to the nearest even", () => {
  const size = 5;
  const random = randomBelow(8);
  const f16 = Array.from(
    { length: size },
    () => Float16Array.from({ length: 41 }, () => (random(4000) - 2000) * 0.0137),
  );
  const bf16 = f16.map((values) => Uint16Array.from(values, (value) => toBf16(value)));
  const exact = (rows: readonly (readonly number[])[]) =>
    sumOf(rows.map((row) => Float32Array.from(row)));
  const widened = bf16.map((values) => Array.from(values, (bits) => fromBf16(bits)));
  for (const algorithm of ["one-shot", "two-shot"] as const) {
    const call = { ...SUM, op: "allReduce", algorithm, count: 41 } as const;
    const halves = simulate({ ...call, dtype: "f16" }, f16, { seed: 1 }).results;
    assertSameBits(halves[3], Float16Array.from(exact(f16.map((row) => Array.from(row)))));
    const brains = simulate({ ...call, dtype: "bf16" }, bf16, { seed: 2 }).results;
    assertSameBits(brains[3], Uint16Array.from(exact(widened), (value) => toBf16(value)));
  }
});

Deno.test("engines are created and freed without growing the memory", () => {
  for (let round = 0; round < 600; round++) new Engine(0, 8)[Symbol.dispose]();
  const engines = Array.from({ length: 50 }, () => new Engine(1, 64));
  for (const engine of engines) engine[Symbol.dispose]();
});

/** Runs one collective on as many engines as there are inputs; without `results` these are replaced. */
function simulate<T extends Elements>(
  collective: Collective,
  inputs: readonly T[],
  options: { readonly seed: number; readonly longest?: number; readonly results?: readonly T[] },
): { results: readonly T[]; sent: number[] } {
  const { seed, longest = 9 } = options;
  const size = inputs.length;
  const values = inputs.map((each) => each.slice() as T);
  const results = options.results ?? values;
  const engines = inputs.map((_, rank) => new Engine(rank, size));
  const wires = inputs.map(() => inputs.map((): number[] => []));
  const sent = inputs.map(() => 0);
  const random = randomBelow(seed);
  try {
    engines.forEach((engine, rank) =>
      engine.begin(collective, { values: bytesOf(values[rank]), result: bytesOf(results[rank]) })
    );
    // An unlucky sequence of draws alone must not count as a collective that has stopped.
    for (let idle = 0; idle < 10 * size * size || moveAny(); idle++) {
      const moved = move(random(3), {
        rank: random(size),
        peer: random(size),
        limit: 1 + random(longest),
      });
      if (moved) idle = 0;
    }
    engines.forEach((engine, rank) => {
      for (let peer = 0; peer < size; peer++) {
        equal(engine.nextReceive(peer), undefined, `rank ${rank} still waits for ${peer}`);
        equal(wires[peer][rank].length, 0, "bytes are left over");
      }
    });
    return { results, sent };
  } finally {
    for (const engine of engines) engine[Symbol.dispose]();
  }

  /** Makes the first possible move; false if there is none. */
  function moveAny(): boolean {
    for (let each = 0; each < 3 * size * size; each++) {
      const [kind, rank, peer] = [
        each % 3,
        Math.floor(each / 3) % size,
        Math.floor(each / 3 / size),
      ];
      if (move(kind, { rank, peer, limit: longest })) return true;
    }
    return false;
  }

  function move(
    kind: number,
    { rank, peer, limit }: { readonly rank: number; readonly peer: number; readonly limit: number },
  ): boolean {
    if (kind === 0) return send(rank, peer, limit);
    return kind === 1 ? receive(rank, peer, limit) : engines[rank].fold();
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
    if (place === undefined || place === FULL) return false;
    const arrived = wires[peer][rank].splice(0, Math.min(limit, place.length));
    if (arrived.length === 0) return false;
    place.set(arrived);
    engines[rank].received(peer, arrived.length);
    return true;
  }
}

function bytesOf(values: Elements): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function ramp(rank: number, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, index) => (rank + 1) * (index % 100 + 1));
}

/** The sums as a tree of the ranks, split at the largest power of two below their number; each rounded to f32. */
function sumOf(inputs: readonly Float32Array[]): Float32Array {
  if (inputs.length === 1) return inputs[0];
  const half = 2 ** Math.ceil(Math.log2(inputs.length) - 1);
  const [left, right] = [sumOf(inputs.slice(0, half)), sumOf(inputs.slice(half))];
  return left.map((sum, i) => Math.fround(sum + right[i]));
}

function toBf16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  return (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
}

function fromBf16(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0];
}

const SUM = { dtype: "f32", reduction: "sum", root: 0 } as const;
