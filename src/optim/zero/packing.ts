// Rows of many parameters in one buffer, by owner, so that one collective moves them all:
//
//   | rank 0's rows of p0, p1, ... | trailer | rank 1's rows of p0, p1, ... | trailer | ...
//
// Rank z of a group owns a run of dim 0 of every local shard (of the elements, for vectors). Runs may be uneven, and
// empty where a shard has fewer rows than there are ranks; pads at the end of dim 0 have no owner and are never sent.

import type { ProcessGroup } from "../../distributed/group.ts";
import { type Layout, type Range, shardRange } from "../../distributed/layout.ts";
import type { Parameter } from "../../tensor/parameter.ts";

/** A parameter, and how it is cut. */
export interface Placed {
  readonly parameter: Parameter;
  readonly layout: Layout<ProcessGroup>;
}

/** A rank and the number of ranks. */
export type Owner = Pick<ProcessGroup, "rank" | "size">;

/** Elements of one parameter that are stored together in the packed buffer. */
export interface PackedRows {
  readonly parameter: Parameter;
  /** First element in the parameter. */
  readonly begin: number;
  readonly length: number;
  /** First element in the packed buffer. */
  readonly at: number;
}

/** The offsets of everything in a packed buffer. */
export interface Packing {
  /** Per owner, its rows of each parameter. */
  readonly rows: readonly (readonly PackedRows[])[];
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
  const rows = Array.from({ length: size }, (_, rank) => {
    begins.push(length);
    const own = placed.map(({ parameter, layout }): PackedRows => {
      const { begin, end } = ownedRows(layout, { rank, size }).elements;
      const at = length;
      length += end - begin;
      return { parameter, begin, length: end - begin, at };
    });
    length += trailer;
    return own;
  });
  const counts = begins.map((begin, rank) => (begins[rank + 1] ?? length) - begin);
  return { rows, begins, counts, length };
}
