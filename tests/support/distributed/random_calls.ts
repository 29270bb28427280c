// Calls of a group, drawn by a seed, the same on every rank: kinds, types, reductions, lengths, and how many are in flight.
//
// Values are small integers, so sums are exact in every type and in every order of addition, and each rank knows every result.

import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { assertSameBits } from "../assert_same_bits.ts";

const DTYPES = ["f32", "f64", "i32", "u32", "f16", "bf16"] as const;
type Dtype = typeof DTYPES[number];
const REDUCTIONS = ["sum", "max", "min"] as const;
const KINDS = [
  "allReduce",
  "reduceScatter",
  "allGather",
  "broadcast",
  "reduce",
  "allToAll",
  "barrier",
  "pass",
] as const;
const MOST_ELEMENTS = 12;

/** One call, with what all its ranks must agree on. */
export interface DrawnCall {
  readonly kind: typeof KINDS[number];
  readonly id: number;
  readonly dtype: Dtype;
  readonly reduction: typeof REDUCTIONS[number];
  readonly root: number;
  /** Elements per rank. */
  readonly counts: readonly number[];
}

/** Calls in waves: those of one are in flight together. */
export type DrawnCalls = readonly (readonly DrawnCall[])[];

/** Draws 1 to 4 waves of 1 to 3 calls for `size` ranks. */
export function drawCalls(size: number, random: (limit: number) => number): DrawnCalls {
  let id = 0;
  const draw = (): DrawnCall => ({
    kind: KINDS[random(KINDS.length)],
    id: id++,
    dtype: DTYPES[random(DTYPES.length)],
    reduction: REDUCTIONS[random(REDUCTIONS.length)],
    root: random(size),
    counts: Array.from({ length: size }, () => random(MOST_ELEMENTS)),
  });
  return Array.from(
    { length: 1 + random(4) },
    () => Array.from({ length: 1 + random(3) }, draw),
  );
}

/** Makes the calls, each with a check of its result. @throws what a call throws, or AssertionError if a result is wrong. */
export async function makeCalls(group: ProcessGroup, calls: DrawnCalls): Promise<void> {
  for (const wave of calls) {
    // All have ended before an error is thrown.
    const results = await Promise.allSettled(wave.map((call) => makeCall(group, call)));
    const failed = results.find((each) => each.status === "rejected" && isWrong(each.reason)) ??
      results.find((each) => each.status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }
}

/** True for the error of a result that differs from what the calls of all ranks give. */
export function isWrong(error: unknown): boolean {
  return error instanceof Error && error.name === "AssertionError";
}

async function makeCall(group: ProcessGroup, call: DrawnCall): Promise<void> {
  const { rank, size } = group;
  const { kind, dtype, reduction, root, counts } = call;
  const options = { dtype, op: reduction };
  const total = counts.reduce((all, each) => all + each, 0);
  const begins = counts.map((_, each) => counts.slice(0, each).reduce((all, n) => all + n, 0));
  const ranks = [...counts.keys()];
  const part = (from: number, begin: number, length: number) =>
    Array.from({ length }, (_, i) => valueOf(call, from, begin + i));
  const whole = (from: number) => part(from, 0, total);
  const reduced = whole(0).map((_, i) => reduce(reduction, ranks.map((r) => valueOf(call, r, i))));
  const check = (got: Elements, wanted: readonly number[]) =>
    assertSameBits(got, encode(dtype, wanted));
  switch (kind) {
    case "allReduce": {
      const values = encode(dtype, whole(rank));
      await group.allReduce(values, options);
      return check(values, reduced);
    }
    case "reduceScatter": {
      const got = await group.reduceScatter(encode(dtype, whole(rank)), counts, options);
      return check(got, reduced.slice(begins[rank], begins[rank] + counts[rank]));
    }
    case "allGather": {
      const own = encode(dtype, part(rank, 0, counts[rank]));
      const got = await group.allGather(own, counts, { dtype });
      return check(got, ranks.flatMap((each) => part(each, 0, counts[each])));
    }
    case "broadcast": {
      const values = encode(dtype, whole(rank));
      await group.broadcast(values, root, { dtype });
      return check(values, whole(root));
    }
    case "reduce": {
      const values = encode(dtype, whole(rank));
      await group.reduce(values, root, options);
      return check(values, rank === root ? reduced : whole(rank));
    }
    case "allToAll": {
      // Rank `from` sends counts[from] elements to each.
      const sendCounts = counts.map(() => counts[rank]);
      const sent = ranks.flatMap((to) => part(rank, 100 * to, counts[rank]));
      const got = await group.allToAll(encode(dtype, sent), {
        sendCounts,
        receiveCounts: counts,
        dtype,
      });
      return check(got, ranks.flatMap((from) => part(from, 100 * rank, counts[from])));
    }
    case "barrier":
      return await group.barrier();
    case "pass": {
      const [right, left] = [(rank + 1) % size, (rank + size - 1) % size];
      const received = encode(dtype, Array(counts[left]).fill(0));
      const results = await Promise.allSettled([
        group.send(encode(dtype, part(rank, 0, counts[rank])), right, { dtype }),
        group.receive(received, left, { dtype }),
      ]);
      for (const each of results) if (each.status === "rejected") throw each.reason;
      return check(received, part(left, 0, counts[left]));
    }
  }
}

type Elements = Float32Array | Float64Array | Int32Array | Uint32Array | Uint16Array;

function valueOf({ id }: DrawnCall, rank: number, i: number): number {
  return (7 * id + 3 * i + 5 * rank) % 11;
}

function reduce(reduction: typeof REDUCTIONS[number], terms: readonly number[]): number {
  if (reduction === "max") return Math.max(...terms);
  if (reduction === "min") return Math.min(...terms);
  return terms.reduce((all, each) => all + each, 0);
}

function encode(dtype: Dtype, values: readonly number[]): Elements {
  switch (dtype) {
    case "f32":
      return Float32Array.from(values);
    case "f64":
      return Float64Array.from(values);
    case "i32":
      return Int32Array.from(values);
    case "u32":
      return Uint32Array.from(values);
    case "f16":
      return new Uint16Array(Float16Array.from(values).buffer);
    case "bf16":
      return Uint16Array.from(
        new Uint32Array(Float32Array.from(values).buffer),
        (bits) => bits >>> 16,
      );
  }
}
