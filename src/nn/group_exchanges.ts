// The exchanges of tensor parallelism, as differentiable ops: each is the other's gradient (Shoeybi et al. 2019, f and g).
//
//                       forward                             gradient
//   copyToGroup         the same x on every rank            all-reduce of dx
//   reduceFromGroup     all-reduce of x                     the same dy on every rank
//   splitToGroup        this rank's columns of x            all-gather of dx
//   gatherFromGroup     all ranks' columns of x             this rank's columns of dy
//
// Columns are indices of the last dim, cut as Layout cuts them: shards may be uneven.

import type { ProcessGroup } from "../dist/group.ts";
import { shardRange } from "../dist/layout.ts";
import { allGather, allReduce } from "../tensor/exchange.ts";
import { formatShape, rowsAndCols } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** `x`, equal on every rank, for computations that differ by rank: dx is summed over them. */
export function copyToGroup(x: Tensor, group: ProcessGroup): Tensor {
  return x.alias(x.shape).computedBy({
    op: "copyToGroup",
    inputs: [x],
    async gradient(dy) {
      await allReduce(dy, group);
      return [dy];
    },
  });
}

/** The sum of all ranks' `x`, on every rank. */
export async function reduceFromGroup(x: Tensor, group: ProcessGroup): Promise<Tensor> {
  const y = group.size === 1 ? x.alias(x.shape) : x.copy();
  await allReduce(y, group);
  return y.computedBy({ op: "reduceFromGroup", inputs: [x], gradient: (dy) => [dy] });
}

/** This rank's columns of `x` [..., N], equal on every rank. @throws {RangeError} if N is less than there are ranks. */
export function splitToGroup(x: Tensor, group: ProcessGroup): Tensor {
  const numCols = x.shape.at(-1) ?? 0;
  if (numCols < group.size) {
    throw new RangeError(
      `Cannot split the last dim of ${formatShape(x.shape)} over ${group.size} ranks`,
    );
  }
  return ownColumns(x, group).computedBy({
    op: "splitToGroup",
    inputs: [x],
    gradient: async (dy) => [await allColumns(dy, { group, numCols })],
  });
}

/** How many columns all ranks have together. */
export interface GatherOptions {
  readonly group: ProcessGroup;
  readonly numCols: number;
}

/** All ranks' columns [..., numCols], where `x` [..., own] are this rank's. */
export async function gatherFromGroup(
  x: Tensor,
  { group, numCols }: GatherOptions,
): Promise<Tensor> {
  const y = await allColumns(x, { group, numCols });
  return y.computedBy({
    op: "gatherFromGroup",
    inputs: [x],
    gradient: (dy) => [ownColumns(dy, group)],
  });
}

/** [..., N] -> [..., own]; unrecorded. */
function ownColumns(x: Tensor, group: ProcessGroup): Tensor {
  const { rows, cols: numCols } = rowsAndCols(x.shape);
  const { begin, end } = shardRange(numCols, group.size, group.rank);
  const cols = end - begin;
  const y = Tensor.empty(x.device, [...x.shape.slice(0, -1), cols]);
  x.device.run("copy_block", { x: x.buffer, out: y.buffer }, {
    rows,
    cols,
    fromStride: numCols,
    fromOffset: begin,
    toStride: cols,
    toOffset: 0,
  });
  return y;
}

/** [..., own] -> [..., N]; unrecorded. */
async function allColumns(x: Tensor, { group, numCols }: GatherOptions): Promise<Tensor> {
  const { rows } = rowsAndCols(x.shape);
  const ranges = group.ranks.map((_, rank) => shardRange(numCols, group.size, rank));
  const own = ranges[group.rank];
  // One rank's columns after the other's: rank r's block begins at element rows * ranges[r].begin.
  const blocks = Tensor.empty(x.device, [rows * numCols]);
  x.device.copy(x.buffer, 0, blocks.buffer, rows * own.begin * 4, x.length * 4);
  await allGather(blocks, { group, counts: ranges.map(({ begin, end }) => rows * (end - begin)) });
  const y = Tensor.empty(x.device, [...x.shape.slice(0, -1), numCols]);
  for (const { begin, end } of ranges) {
    x.device.run("copy_block", { x: blocks.buffer, out: y.buffer }, {
      rows,
      cols: end - begin,
      fromStride: end - begin,
      fromOffset: rows * begin,
      toStride: numCols,
      toOffset: begin,
    });
  }
  blocks.release();
  return y;
}
