// The collectives of tensor parallelism, as differentiable ops: each is the other's gradient (Shoeybi et al. 2019, f and g).
//
//                       forward                             gradient
//   copyToGroup         the same x on every rank            all-reduce of dx
//   reduceFromGroup     all-reduce of x                     the same dy on every rank
//   splitToGroup        this rank's columns of x            all-gather of dx
//   gatherFromGroup     all ranks' columns of x             this rank's columns of dy
//
// Columns are indices of the last dim, split as Layout splits them: shards may be uneven, or padded at the end; padding is not gathered
// and its gradient is 0.

import { type Range, unitRange } from "../../distributed/layout.ts";
import type { FloatType } from "../../tensor/dtype.ts";
import { allGather, allReduce, type ExchangeOptions } from "../../tensor/exchange.ts";
import { formatShape, rowsAndCols } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** `x`, equal on every rank, for computations that differ between ranks: dx is summed over the ranks. */
export function copyToGroup<F extends FloatType>(
  x: Tensor<F>,
  { group, label }: ExchangeOptions,
): Tensor<F> {
  return x.alias(x.shape).computedBy({
    op: "copyToGroup",
    inputs: [x],
    async gradient(dy) {
      await allReduce(dy, { group, label: `gradient of ${label}` });
      return [dy];
    },
  });
}

/** The sum of all ranks' `x`, on every rank. */
export async function reduceFromGroup(x: Tensor, options: ExchangeOptions): Promise<Tensor> {
  const y = options.group.size === 1 ? x.alias(x.shape) : x.copy();
  await allReduce(y, options);
  return y.computedBy({ op: "reduceFromGroup", inputs: [x], gradient: (dy) => [dy] });
}

/** How columns are split over a group. */
export interface SplitOptions extends ExchangeOptions {
  /** This many columns stay together. Default: 1. */
  readonly unit?: number | undefined;
}

/** This rank's columns of `x` [..., N], equal on every rank. @throws {RangeError} if N has fewer units than there are ranks */
export function splitToGroup(x: Tensor, { group, label, unit = 1 }: SplitOptions): Tensor {
  const numCols = x.shape.at(-1) ?? 0;
  if (numCols / unit < group.size || numCols % unit !== 0) {
    throw new RangeError(
      `Cannot split the last dim of ${formatShape(x.shape)} over ${group.size} ranks` +
        (unit === 1 ? "" : ` between units of ${unit}`),
    );
  }
  const options = { group, label: `gradient of ${label}`, unit, numCols };
  return ownColumns(x, options).computedBy({
    op: "splitToGroup",
    inputs: [x],
    gradient: async (dy) => [await allColumns(dy, options)],
  });
}

/** How columns are gathered from a group. */
export interface GatherOptions extends SplitOptions {
  /** Number of columns without padding. */
  readonly numCols: number;
  /** Number of columns with padding. Default: there is no padding. */
  readonly paddedCols?: number;
}

/** The columns of all ranks [..., numCols]; `x` [..., own] are this rank's, padding included. */
export async function gatherFromGroup(x: Tensor, options: GatherOptions): Promise<Tensor> {
  const y = await allColumns(x, options);
  return y.computedBy({
    op: "gatherFromGroup",
    inputs: [x],
    gradient: (dy) => [ownColumns(dy, options)],
  });
}

/** [..., numCols] -> [..., own], with zeros as padding; records no gradient. */
function ownColumns(x: Tensor, options: GatherOptions): Tensor {
  const { group, numCols } = options;
  const { rows } = rowsAndCols(x.shape);
  const { unpadded: { begin, end }, stored } = columnsOf(group.rank, options);
  const y = Tensor.empty(x.device, [...x.shape.slice(0, -1), stored]);
  if (stored > end - begin) {
    x.device.run("fill", { out: y.buffer }, { offset: 0, length: y.length, value: 0 });
  }
  x.device.run("copy_block", { x: x.buffer, out: y.buffer }, {
    rows,
    cols: end - begin,
    fromStride: numCols,
    fromOffset: begin,
    toStride: stored,
    toOffset: 0,
  });
  return y;
}

/** [..., own], padding included, -> [..., numCols]; records no gradient. */
async function allColumns(x: Tensor, options: GatherOptions): Promise<Tensor> {
  const { group, label, numCols } = options;
  const { rows } = rowsAndCols(x.shape);
  const columns = group.ranks.map((_, rank) => columnsOf(rank, options));
  const counts = columns.map(({ stored }) => rows * stored);
  const begins = counts.map((_, rank) =>
    counts.slice(0, rank).reduce((sum, count) => sum + count, 0)
  );
  // The columns of one rank after those of the other.
  const blocks = Tensor.empty(x.device, [counts.reduce((sum, count) => sum + count, 0)]);
  x.device.copy(x.buffer, 0, blocks.buffer, 4 * begins[group.rank], 4 * x.length);
  await allGather(blocks, { group, label, counts });
  const y = Tensor.empty(x.device, [...x.shape.slice(0, -1), numCols]);
  for (const [rank, { unpadded: { begin, end }, stored }] of columns.entries()) {
    x.device.run("copy_block", { x: blocks.buffer, out: y.buffer }, {
      rows,
      cols: end - begin,
      fromStride: stored,
      fromOffset: begins[rank],
      toStride: numCols,
      toOffset: begin,
    });
  }
  blocks.release();
  return y;
}

/** The columns of a rank without padding, and how many it stores with padding. */
function columnsOf(
  rank: number,
  { group: { size }, unit, numCols, paddedCols = numCols }: GatherOptions,
): { readonly unpadded: Range; readonly stored: number } {
  const { begin, end } = unitRange(paddedCols, { group: { size, rank }, unit });
  const unpadded = { begin: Math.min(begin, numCols), end: Math.min(end, numCols) };
  return { unpadded, stored: end - begin };
}
