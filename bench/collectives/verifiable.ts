// Inputs whose sums are exact in any order and any type, so that a right result is known to the bit (nccl-tests' idea).
//
//   x[r][i] = (7 i + 5 r) mod m        m the largest prime <= 256 / p
//
// Sums over p ranks stay below 256, which f32, f16 and bf16 hold exactly. As m is prime, a result that is shifted by a
// segment, misses a rank or has one twice differs. bench/peers/mpi.c and gloo.py use the same inputs.

import { type Op, sharesOf } from "./sweep.ts";

/** One rank's place among all. */
export interface Place {
  readonly rank: number;
  readonly ranks: number;
}

/** The values that rank `rank` puts into `op` on `count` elements. */
export function inputOf(op: Op, count: number, place: Place): Float32Array {
  const { begin, end } = rangeIn(op, count, place);
  const input = new Float32Array(end - begin);
  fillInput(input, { ...place, begin });
  return input;
}

/** Writes rank `rank`'s inputs from element `begin` on into `values`. */
function fillInput(
  values: Float32Array,
  { rank, ranks, begin }: Place & { begin: number },
): void {
  const m = modulus(ranks);
  for (let i = 0; i < values.length; i++) values[i] = (7 * ((begin + i) % m) + 5 * rank) % m;
}

/** The first error in a result of `op` on `count` elements at `place`; undefined if all of it is right. */
export function mistakeIn(
  result: Float32Array,
  { op, count, place }: { readonly op: Op; readonly count: number; readonly place: Place },
): string | undefined {
  const { ranks } = place;
  const m = modulus(ranks);
  const all = Array.from({ length: ranks }, (_, rank) => rank);
  const table = (of: readonly number[]) =>
    Array.from({ length: m }, (_, i) => of.reduce((sum, rank) => sum + (7 * i + 5 * rank) % m, 0));
  const parts = partsOf(op, count, place)
    .map(({ begin, end, from }) => ({ begin, end, table: table(from ?? all) }));
  const first = parts[0].begin;
  const length = parts.at(-1)!.end - first;
  if (result.length !== length) return `it has ${result.length} elements instead of ${length}`;
  for (const { begin, end, table } of parts) {
    for (let i = begin; i < end; i++) {
      if (result[i - first] !== table[i % m]) {
        return `element ${i} is ${result[i - first]} instead of ${table[i % m]}`;
      }
    }
  }
  return undefined;
}

/** A range of elements of a result, and the ranks whose inputs it sums up; all where it does not say. */
interface Part {
  readonly begin: number;
  readonly end: number;
  readonly from?: readonly number[];
}

function partsOf(op: Op, count: number, { rank, ranks }: Place): Part[] {
  const shares = sharesOf(count, ranks);
  const ranges = shares.map((share, each) => {
    const begin = shares.slice(0, each).reduce((sum, one) => sum + one, 0);
    return { begin, end: begin + share };
  });
  switch (op) {
    case "allReduce":
      return [{ begin: 0, end: count }];
    case "reduceScatter":
      return [ranges[rank]];
    case "allGather":
      return ranges.map((range, each) => ({ ...range, from: [each] }));
    case "broadcast":
      return [{ begin: 0, end: count, from: [0] }];
  }
}

/** Elements that this rank puts in: its share for an allGather, else all. */
function rangeIn(
  op: Op,
  count: number,
  place: Place,
): { readonly begin: number; readonly end: number } {
  return op === "allGather" ? partsOf("reduceScatter", count, place)[0] : { begin: 0, end: count };
}

function modulus(ranks: number): number {
  let candidate = Math.floor(256 / ranks);
  while (!isPrime(candidate)) candidate--;
  return candidate;
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) {
    if (value % divisor === 0) return false;
  }
  return value > 1;
}
