// Rows of unlike lengths as one tensor: shorter ones are padded at their ends.
//
// The length of a batch is rounded up, to one of 8 lengths for each power of two: devices that compile a program for every shape compile
// few, and an eighth of a row is added at most, or 7 numbers. It is the length of the longest row of a whole step: masks of dropout depend on it, and
// the ranks and micro-batches of a step are to drop what one rank would.

import type { Device } from "../../device/device.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** The length to which a longest row of `length` is padded; at most `most`, which is at least `length`. */
export function paddedLength(length: number, most: number): number {
  const unit = Math.max(8, 2 ** (Math.floor(Math.log2(Math.max(1, length - 1))) - 3));
  return Math.min(most, Math.ceil(length / unit) * unit);
}

/** Numbers of rows as a tensor [B, T], with `fill` after the end of each. */
export function paddedRows(
  device: Device,
  rows: readonly ArrayLike<number>[],
  { length, fill }: { readonly length: number; readonly fill: number },
): Tensor<"u32"> {
  const values = new Uint32Array(rows.length * length).fill(fill);
  for (const [at, row] of rows.entries()) values.set(row, at * length);
  return Tensor.from(device, values, { shape: [rows.length, length] });
}

/** The mask [B, T] of rows: 1 for their numbers and 0 for padding. */
export function paddingMask(
  device: Device,
  rows: readonly ArrayLike<number>[],
  { length }: { readonly length: number },
): Tensor<"u32"> {
  const values = new Uint32Array(rows.length * length);
  for (const [at, row] of rows.entries()) values.fill(1, at * length, at * length + row.length);
  return Tensor.from(device, values, { shape: [rows.length, length] });
}

/** The length of the longest. */
export function longestOf(rows: readonly ArrayLike<number>[]): number {
  return rows.reduce((most, { length }) => Math.max(most, length), 0);
}
