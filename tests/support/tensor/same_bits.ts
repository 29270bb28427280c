// Equality of long arrays to the last bit. assert.deepEqual() would draw the whole difference of two arrays that differ
// everywhere: for 400 000 floats that is a quarter of an hour and all of the machine's memory, here it is one line.

import assert from "node:assert/strict";

/** Throws an AssertionError that names the first element, of how many, that does not have the same bits. */
export function assertSameBits(actual: Float32Array, expected: Float32Array): void {
  assert.equal(actual.length, expected.length, "the lengths differ");
  const [a, b] = [bitsOf(actual), bitsOf(expected)];
  const differing = a.reduce((count, word, index) => word === b[index] ? count : count + 1, 0);
  if (differing === 0) return;
  const first = a.findIndex((word, index) => word !== b[index]);
  assert.fail(
    `${differing} of ${a.length} elements differ, first element ${first}: ` +
      `${actual[first]} came, ${expected[first]} was wanted`,
  );
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}
