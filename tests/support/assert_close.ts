// Equality up to rounding: |actual - expected| <= absolute + relative |expected| + ofLargest max |expected|, by element.

import {
  describeDifference,
  differenceOf,
  distanceOf,
  reportDifferences,
} from "./array_differences.ts";
import { type ArrayPair, at, pairArrays } from "./array_pairs.ts";

/** How far an element may be off; the terms add up, and those left out are 0. */
export interface Tolerance {
  readonly absolute?: number;
  /** Times the expected element. */
  readonly relative?: number;
  /** Times the largest expected element of the same array. */
  readonly ofLargest?: number;
  /** What `ofLargest` is a part of, where it is not the largest expected element. */
  readonly largest?: number;
  /** Whether NaN equals NaN, which it otherwise does not. */
  readonly equalNaN?: boolean;
}

/**
 * Asserts that two arrays of numbers, or two records, maps or lists of them, are equal up to a tolerance. Infinity equals
 * nothing but itself.
 *
 * @returns the largest error, as a part of what was allowed
 * @throws {AssertionError} with where they first differ, by how much, how many do, and where most
 * @throws {TypeError} if they hold anything but numbers, strings and booleans, such as promises
 */
export function assertClose(
  actual: unknown,
  expected: unknown,
  { name = "", ...tolerance }: Tolerance & { readonly name?: string },
): number {
  const pairing = pairArrays(actual, expected, name);
  let most = 0;
  const lines = pairing.pairs.flatMap((pair) => {
    const allowed = allowance(pair, tolerance);
    const difference = differenceOf(pair.actual, pair.expected, (i) => {
      const [x, y] = [pair.actual[i], pair.expected[i]];
      if (x === y) return true;
      if (Number.isNaN(x) && Number.isNaN(y)) return tolerance.equalNaN === true;
      const error = distanceOf(x, y);
      if (!(error <= allowed(i))) return false;
      most = Math.max(most, error / allowed(i));
      return true;
    });
    return difference === undefined
      ? []
      : [at(pair.path) + describeDifference(difference, { ...pair, allowed })];
  });
  reportDifferences(lines, pairing, { name, caller: assertClose });
  return most;
}

function allowance({ expected }: ArrayPair, tolerance: Tolerance): (index: number) => number {
  const { absolute = 0, relative = 0, ofLargest = 0 } = tolerance;
  const overall = absolute +
    (ofLargest === 0 ? 0 : ofLargest * (tolerance.largest ?? largestOf(expected)));
  return (i) => Number.isFinite(expected[i]) ? overall + relative * Math.abs(expected[i]) : 0;
}

/** The largest absolute value of those that are finite; 0 of none. */
export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (size > largest && size !== Infinity) largest = size;
  }
  return largest;
}
