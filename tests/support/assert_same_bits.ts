// Equality to the last bit, of arrays and of whole structures of arrays, which says within a second what differs.

import { AssertionError } from "node:assert/strict";
import { describeDifference, differenceOf, reportDifferences } from "./array_differences.ts";
import { type ArrayPair, at, pairArrays } from "./array_pairs.ts";

/**
 * Asserts that two arrays of numbers, or two records, maps or lists of them (a training's weights, the state of an
 * optimizer), hold the same bits: NaN equals NaN, 0 does not equal -0. Typed arrays must have one type; a list of numbers
 * equals a typed array that holds exactly these.
 *
 * @throws {AssertionError} with where they first differ, by how much, how many do, and where most
 * @throws {TypeError} if they hold anything but numbers, strings and booleans, such as promises
 */
export function assertSameBits(actual: unknown, expected: unknown, name = ""): void {
  const pairing = pairArrays(actual, expected, name);
  const lines = pairing.pairs.flatMap((pair) => {
    const difference = differenceOf(pair.actual, pair.expected, sameBits(pair));
    return difference === undefined ? [] : [at(pair.path) + describeDifference(difference, pair)];
  });
  reportDifferences(lines, pairing, { name, caller: assertSameBits });
}

/**
 * Asserts that at least one bit differs.
 *
 * @throws {AssertionError} if everything is the same
 */
export function assertOtherBits(actual: unknown, expected: unknown, name = ""): void {
  const { pairs, mismatches } = pairArrays(actual, expected, name);
  const differs = mismatches.length > 0 ||
    pairs.some((pair) => differenceOf(pair.actual, pair.expected, sameBits(pair)) !== undefined);
  if (differs) return;
  const count = pairs.reduce((total, { expected }) => total + expected.length, 0);
  throw new AssertionError({
    message: `${at(name)}all ${count} elements have the same bits, and should not`,
    stackStartFn: assertOtherBits,
  });
}

/** Whether the elements at an index are the same, by their words where both arrays are typed, or else by value. */
function sameBits({ actual, expected }: ArrayPair): (index: number) => boolean {
  if (!ArrayBuffer.isView(actual) || !ArrayBuffer.isView(expected)) {
    return (i) => Object.is(actual[i], expected[i]);
  }
  const [one, other] = [wordsOf(actual), wordsOf(expected)];
  return actual.BYTES_PER_ELEMENT === 8
    ? (i) => one[2 * i] === other[2 * i] && one[2 * i + 1] === other[2 * i + 1]
    : (i) => one[i] === other[i];
}

/** The same memory as unsigned integers: one to an element, two to one of 8 bytes. */
function wordsOf(
  { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT }: Extract<
    ArrayPair["actual"],
    ArrayBufferView
  >,
): Uint8Array | Uint16Array | Uint32Array {
  if (BYTES_PER_ELEMENT === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  if (BYTES_PER_ELEMENT === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}
