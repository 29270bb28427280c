// What is wrong with the arguments of a collective, said before anything is sent.

/** The sum of all counts. */
export function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** @throws {TypeError} if `values` is not a Float32Array. */
export function requireFloats(values: Float32Array, op: string): void {
  if (!(values instanceof Float32Array)) {
    throw new TypeError(
      `${op}() needs a Float32Array, got ${Object.prototype.toString.call(values)}`,
    );
  }
}

/** @throws {RangeError} if a length is not the one that is wanted. */
export function requireLength(got: number, wanted: number, what: string): void {
  if (got !== wanted) throw new RangeError(`Expected ${wanted} ${what}, got ${got}`);
}

/** @throws {RangeError} if `root` is not a rank of a group of `size`. */
export function requireRoot(root: number, size: number): void {
  if (!Number.isInteger(root) || root < 0 || root >= size) {
    throw new RangeError(
      `broadcast() needs a root from 0 to ${size - 1}, its rank in the group, got ${root}`,
    );
  }
}

/** @throws {RangeError} if `counts` are not one whole number for each of `size` ranks. */
export function requireCounts(counts: readonly number[], size: number, op: string): void {
  if (counts.length !== size) {
    throw new RangeError(
      `${op}() needs one count for each of the ${size} ranks, got ${counts.length}`,
    );
  }
  const wrong = counts.find((count) => !Number.isInteger(count) || count < 0 || count > MAX_COUNT);
  if (wrong !== undefined) {
    throw new RangeError(
      `${op}() needs counts that are integers from 0 to ${MAX_COUNT}, got ${wrong}`,
    );
  }
}

const MAX_COUNT = 0xffffffff;
