// Counts the elements of two arrays that differ, in one pass and without copies, and puts in a line where they differ first,
// where most, and by how much. assert.deepEqual() instead draws the whole difference: for the weights of a training
// that takes hours and 16 GB.

import { AssertionError } from "node:assert/strict";
import { at, type NumberArray, type Pairing } from "./array_pairs.ts";

/** Difference of two arrays of one length. */
export interface ArrayDifference {
  /** Elements that differ. */
  readonly count: number;
  /** Index of the first of them. */
  readonly first: number;
  /** Index of the one that differs most; NaN against a number differs most of all. */
  readonly largest: number;
}

/** The difference, or undefined if `isSame` holds of all indices; it is asked once for each. */
export function differenceOf(
  actual: NumberArray,
  expected: NumberArray,
  isSame: (index: number) => boolean,
): ArrayDifference | undefined {
  let count = 0;
  let first = -1;
  let largest = -1;
  let most = -1;
  for (let i = 0; i < expected.length; i++) {
    if (isSame(i)) continue;
    if (count++ === 0) first = i;
    const distance = distanceOf(actual[i], expected[i]);
    if (distance > most) {
      most = distance;
      largest = i;
    }
  }
  return count === 0 ? undefined : { count, first, largest };
}

/** |actual - expected|; between NaN and a number, infinite. */
export function distanceOf(actual: number, expected: number): number {
  if (Object.is(actual, expected)) return 0;
  const distance = Math.abs(actual - expected);
  return Number.isNaN(distance) && !(Number.isNaN(actual) && Number.isNaN(expected))
    ? Infinity
    : distance;
}

/** One line about a difference; `allowed` is the tolerance of an element, where there is one. */
export function describeDifference(
  { count, first, largest }: ArrayDifference,
  { actual, expected, allowed }: {
    readonly actual: NumberArray;
    readonly expected: NumberArray;
    readonly allowed?: (index: number) => number;
  },
): string {
  const element = (index: number) => {
    const off = `off by ${short(distanceOf(actual[index], expected[index]))}`;
    const limit = allowed === undefined ? "" : `, allowed ${short(allowed(index))}`;
    return `[${index}] is ${shown(actual[index])} instead of ${
      shown(expected[index])
    } (${off}${limit})`;
  };
  const about = `${count} of ${expected.length} elements differ, first ${element(first)}`;
  return largest === first
    ? `${about}, the largest difference`
    : `${about}, most ${element(largest)}`;
}

/**
 * Throws if there are lines to report: what differs in structure, then the arrays that differ.
 *
 * @throws {AssertionError} with one line, or with a heading and at most 10
 */
export function reportDifferences(
  differences: readonly string[],
  { pairs, mismatches }: Pairing,
  { name, caller }: { readonly name: string; readonly caller: (...args: never[]) => unknown },
): void {
  const lines = [...mismatches, ...differences];
  if (lines.length === 0) return;
  const kept = lines.slice(0, LINES_SHOWN).map((line) => `\n  ${line}`).join("");
  const more = lines.length > LINES_SHOWN ? `\n  and ${lines.length - LINES_SHOWN} more` : "";
  const message = lines.length === 1
    ? lines[0]
    : `${at(name)}${differences.length} of ${pairs.length} arrays differ:${kept}${more}`;
  throw new AssertionError({ message, stackStartFn: caller });
}

function shown(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

const LINES_SHOWN = 10;
