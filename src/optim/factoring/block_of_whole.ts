// A block of a whole array, both row-major: per dim, of `length` indices, the run `range`.
//
//   whole [3, 4], ranges 1..3 and 0..2        . . . .
//                                             x x . .   ->  block [2, 2]
//                                             x x . .

import type { Layout, Range } from "../../distributed/layout.ts";

/** One dim of the whole, and the indices of it that the block has. */
export interface BlockDim {
  readonly length: number;
  readonly range: Range;
}

/** The block's elements. */
export function takeBlock(whole: Float32Array, dims: readonly BlockDim[]): Float32Array {
  const block = new Float32Array(blockLength(dims));
  forEachRun(dims, (at, from, length) => block.set(whole.subarray(from, from + length), at));
  return block;
}

/** The whole, zero outside of the block. */
export function wholeWith(block: Float32Array, dims: readonly BlockDim[]): Float32Array {
  const whole = new Float32Array(wholeLength(dims));
  forEachRun(dims, (at, from, length) => whole.set(block.subarray(at, at + length), from));
  return whole;
}

/** `values` of a local shard, or of some of its rows without pad rows, with all pads removed. */
export function withoutPads(values: Float32Array, layout: Layout): Float32Array {
  const { localShape } = layout;
  if (localShape.length === 0) return values;
  const stride = localShape.slice(1).reduce((product, length) => product * length, 1);
  const dims = localShape.map((length, dim) => {
    const { begin, end } = layout.range(dim);
    return { length, range: { begin: 0, end: end - begin } };
  });
  const numRows = Math.min(stride === 0 ? 0 : values.length / stride, dims[0].range.end);
  dims[0] = { length: numRows, range: { begin: 0, end: numRows } };
  return takeBlock(values, dims);
}

/** Elements of the whole. */
export function wholeLength(dims: readonly BlockDim[]): number {
  return dims.reduce((product, { length }) => product * length, 1);
}

/** Elements of the block. */
export function blockLength(dims: readonly BlockDim[]): number {
  return dims.reduce((product, { range }) => product * (range.end - range.begin), 1);
}

/** Calls `copy` for each run of elements that is contiguous in both, with its place in the block and in the whole. */
function forEachRun(
  dims: readonly BlockDim[],
  copy: (inBlock: number, inWhole: number, length: number) => void,
): void {
  const last = dims.at(-1);
  if (last === undefined) return copy(0, 0, 1);
  const runLength = last.range.end - last.range.begin;
  let at = 0;
  const walk = (dim: number, base: number): void => {
    const { length, range: { begin, end } } = dims[dim];
    if (dim === dims.length - 1) {
      copy(at, base * length + begin, runLength);
      at += runLength;
      return;
    }
    for (let i = begin; i < end; i++) walk(dim + 1, base * length + i);
  };
  walk(0, 0);
}
