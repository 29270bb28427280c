// Shapes are lists of dim lengths, row-major; [] is a scalar with one element. Nearly every op views its operand as a matrix: all
// leading dims together are the rows, the last dim the columns.

import { kindOf } from "./argument_checks.ts";

/** Number of elements of a tensor of this shape; 1 for []. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, length) => count * length, 1);
}

/** Rows (all leading dims together) and columns (the last dim); [] is one row of one column. */
export function rowsAndCols(shape: readonly number[]): { rows: number; cols: number } {
  return { rows: elementCount(shape.slice(0, -1)), cols: shape.at(-1) ?? 1 };
}

/** True if both shapes have the same dims. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, dim) => length === b[dim]);
}

/** The shape for messages: `[2, 3]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** @throws {RangeError} if a dim is not an integer from 0, or there are more elements than a u32 can count. */
export function checkShape(shape: readonly number[]): void {
  if (!Array.isArray(shape)) {
    throw new TypeError(`Wanted a shape, an array of numbers such as [2, 3], got ${kindOf(shape)}`);
  }
  if (!shape.every((length) => Number.isSafeInteger(length) && length >= 0)) {
    throw new RangeError(`Wanted a shape of integers from 0, got ${formatShape(shape)}`);
  }
  if (elementCount(shape) > MAX_ELEMENTS) {
    throw new RangeError(
      `Cannot address the elements of a tensor of shape ${
        formatShape(shape)
      }: at most ${MAX_ELEMENTS}`,
    );
  }
}

// Kernels count elements in u32.
const MAX_ELEMENTS = 2 ** 32 - 1;
