// Rows of many parameters in one buffer, by owner, so that one collective moves them all:
//
//   | rank 0's rows of p0, p1, ... | trailer | rank 1's rows of p0, p1, ... | trailer | ...
//
// Rank z of a group owns a run of dim 0 of every local shard (of the elements, for vectors). Runs may be uneven, and
// empty where a shard has fewer rows than there are ranks; pads at the end of dim 0 are nobody's and never move.

import { storageTypes } from "../../device/storage_types.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { type Layout, type Range, shardRange } from "../../distributed/layout.ts";
import type { DeviceBuffer } from "../../device/device.ts";
import { bytesPerElement, type FloatType } from "../../tensor/dtype.ts";
import type { Parameter } from "../../tensor/parameter.ts";

/** A parameter, and how it is cut. */
export interface Placed {
  readonly parameter: Parameter;
  readonly layout: Layout<ProcessGroup>;
}

/** Which of how many. */
export type Owner = Pick<ProcessGroup, "rank" | "size">;

/** Elements of one parameter that lie together in the packed buffer. */
export interface Run {
  readonly parameter: Parameter;
  /** First element in the parameter. */
  readonly begin: number;
  readonly length: number;
  /** First element in the packed buffer. */
  readonly at: number;
}

/** Where everything lies in a packed buffer. */
export interface Packing {
  /** Per owner, a run per parameter. */
  readonly runs: readonly (readonly Run[])[];
  /** Per owner, the first element of its part. */
  readonly begins: readonly number[];
  /** Elements per owner, trailers included. */
  readonly counts: readonly number[];
  /** Elements in all. */
  readonly length: number;
}

/** The run of dim 0 of the local shard that `owner` has, and the stored elements that it covers. */
export function ownedRows(
  layout: Layout<ProcessGroup>,
  { rank, size }: Owner,
): { rows: Range; elements: Range } {
  const [, ...rest] = layout.localShape;
  const stride = rest.reduce((product, each) => product * each, 1);
  const { begin, end } = layout.globalShape.length === 0 ? { begin: 0, end: 1 } : layout.range(0);
  const rows = shardRange(end - begin, size, rank);
  return { rows, elements: { begin: rows.begin * stride, end: rows.end * stride } };
}

/** Lays out the rows of `placed` for `size` owners; each part ends with `trailer` further elements. */
export function packByOwner(
  placed: readonly Placed[],
  { size, trailer = 0 }: { readonly size: number; readonly trailer?: number },
): Packing {
  let length = 0;
  const begins: number[] = [];
  const runs = Array.from({ length: size }, (_, rank) => {
    begins.push(length);
    const own = placed.map(({ parameter, layout }): Run => {
      const { begin, end } = ownedRows(layout, { rank, size }).elements;
      const at = length;
      length += end - begin;
      return { parameter, begin, length: end - begin, at };
    });
    length += trailer;
    return own;
  });
  const counts = begins.map((begin, rank) => (begins[rank + 1] ?? length) - begin);
  return { runs, begins, counts, length };
}

/** Elements of one buffer, from element `offset` on. */
export interface StoredRun {
  readonly buffer: DeviceBuffer;
  readonly dtype: FloatType;
  readonly offset: number;
}

/** Copies `length` elements, stored as each place has them. */
export function copyRun(from: StoredRun, to: StoredRun, length: number): void {
  if (length === 0) return;
  const { device } = from.buffer;
  const bytes = bytesPerElement(from.dtype);
  const isWords = [from.offset, to.offset, length].every((count) => bytes * count % 4 === 0);
  if (from.dtype === to.dtype && isWords) {
    const [begin, end] = [bytes * from.offset, bytes * to.offset];
    device.copy(from.buffer, begin, to.buffer, end, bytes * length);
  } else {
    device.run("cast", { x: from.buffer, out: to.buffer }, {
      fromType: storageTypes[from.dtype],
      toType: storageTypes[to.dtype],
      fromOffset: from.offset,
      toOffset: to.offset,
      length,
    });
  }
}
