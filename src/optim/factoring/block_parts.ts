// The number of equal parts that a block is cut into, so that sums are taken in the same order on every mesh
// (device/block_table.ts).
//
//   axis of 48 rows, 8 parts of 6:   | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 |
//   4 even shards own 2 parts each:  | rank 0| rank 1| rank 2| rank 3|      2 parts, from part 2 rank on
//   3 even shards of 16 rows         end within parts: then every rank's shard is one part, and so is the whole axis
//
// A rank's parts are a subtree of the whole tree where their number is a power of two and divides the number before them.
// All ranks come to the same decision, as each considers the shards of all.

import { type Range, shardRange } from "../../distributed/layout.ts";
import type { DimView, FactoredView } from "./factored_view.ts";
import type { DimRole } from "./dim_roles.ts";

/** Parts of a block, and the slots that sums over them have (device/block_table.ts). */
export interface BlockParts {
  readonly partsBatch: number;
  readonly partsDown: number;
  readonly partsAcross: number;
  readonly batchSlots: number;
  readonly firstBatchSlot: number;
  readonly rowSlots: number;
  readonly firstRowSlot: number;
}

/** How the block of `view` is cut into parts; `even` makes its columns' parts so, as 16-bit elements need them. */
export function partsOf(
  view: Pick<FactoredView<{ size: number }>, "dims">,
  { even = false }: { readonly even?: boolean } = {},
): BlockParts {
  const axis = (role: DimRole) => view.dims.filter((dim) => dim.role === role);
  const isCut = (role: DimRole) => axis(role).some(({ groups }) => groups.length > 0);
  const [batch, rows, cols] = [
    partsAlong(axis("batch"), 1),
    partsAlong(axis("row"), 1),
    partsAlong(axis("col"), even ? 2 : 1),
  ];
  // Sums over an inner axis that is cut over ranks must be complete before sums over an outer axis are taken.
  const [hasRowSlots, hasBatchSlots] = [isCut("col"), isCut("col") || isCut("row")];
  return {
    partsBatch: batch.own,
    partsDown: rows.own,
    partsAcross: cols.own,
    batchSlots: hasBatchSlots ? batch.whole : 1,
    firstBatchSlot: hasBatchSlots ? batch.first : 0,
    rowSlots: hasRowSlots ? rows.whole : 1,
    firstRowSlot: hasRowSlots ? rows.first : 0,
  };
}

/** How many parts a whole axis has, how many of them this rank owns, and the index of the first. */
interface AxisParts {
  readonly whole: number;
  readonly own: number;
  readonly first: number;
}

/** Parts whose length is a multiple of `unit`; one part where none is. */
function partsAlong(dims: readonly DimView<{ size: number }>[], unit: number): AxisParts {
  const long = dims.filter(({ length }) => length !== 1);
  const length = long.reduce((product, dim) => product * dim.length, 1);
  const whole = MOST_PARTS.find((parts) => length % (unit * parts) === 0) ?? 1;
  const [outermost, ...inner] = long;
  if (inner.some(({ groups }) => groups.length > 0)) return ONE_PART;
  if (outermost === undefined || outermost.groups.length === 0) {
    return { whole, own: whole, first: 0 };
  }
  const partsIn = ({ begin, end }: Range) => (end - begin) * whole / outermost.length;
  const isEven = shardsOf(outermost).every((shard) => {
    const own = partsIn(shard);
    return POWERS_OF_TWO.includes(own) && partsIn({ begin: 0, end: shard.begin }) % own === 0;
  });
  if (!isEven) return ONE_PART;
  const { range } = outermost;
  return { whole, own: partsIn(range), first: partsIn({ begin: 0, end: range.begin }) };
}

/** The range of a dim that each rank owns. The first group cuts it with its pads, each further group a shard without them. */
export function shardsOf(
  { length, storedLength, unit, groups }: DimView<{ size: number }>,
): Range[] {
  const [first, ...inner] = groups.map(({ size }) => size);
  const outer = cut({ begin: 0, end: storedLength / unit }, [first])
    .map(({ begin, end }) => ({ begin: begin * unit, end: end * unit }))
    .map(({ begin, end }) => ({ begin: Math.min(begin, length), end: Math.min(end, length) }));
  return outer.flatMap((range) => cut(range, inner));
}

/** The shards of a range that is cut into `size` shards, each of which is cut again by the next size, and so on. */
function cut(range: Range, [size, ...inner]: readonly number[]): Range[] {
  if (size === undefined) return [range];
  return Array.from({ length: size }, (_, rank) => {
    const { begin, end } = shardRange(range.end - range.begin, size, rank);
    return cut({ begin: range.begin + begin, end: range.begin + end }, inner);
  }).flat();
}

const ONE_PART: AxisParts = { whole: 1, own: 1, first: 0 };
const MOST_PARTS = [8, 4, 2, 1];
const POWERS_OF_TWO = [1, 2, 4, 8];
