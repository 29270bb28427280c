// Rows that move between ranks, as differentiable ops:
//
//                       forward                                          gradient
//   splitRows           this rank's rows of x, equal on every rank       all-gather of dx
//   gatherRows          all ranks' rows                                  this rank's rows of dy, equal on every rank
//   exchangeRows        rows to the ranks that they are for              dy back to where they came from
//
// Nothing is added, so that all have the bits of one rank. Rows are split as Layout splits them; a rank may have none.

import { shardRange } from "../../distributed/layout.ts";
import { slice } from "../../ops/slice.ts";
import { allGather, allToAll, type ExchangeOptions } from "../../tensor/exchange.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** This rank's rows of `x` [N, D], equal on every rank. */
export function splitRows(x: Tensor, options: ExchangeOptions): Tensor {
  const { group: { size, rank }, label } = options;
  const [numRows] = x.shape;
  const own = shardRange(numRows, size, rank);
  // A leaf over the same memory: the gradient below is that of the slice, too.
  const rows = slice(x.alias(x.shape), { dim: 0, ...own });
  return rows.computedBy({
    op: "splitRows",
    inputs: [x],
    gradient: async (dy) => [
      await allRows(dy, { ...options, label: `gradient of ${label}`, numRows }),
    ],
  });
}

/** All `numRows` rows [N, D] of which `x` are this rank's. */
export async function gatherRows(
  x: Tensor,
  options: ExchangeOptions & { readonly numRows: number },
): Promise<Tensor> {
  const { group: { size, rank }, numRows } = options;
  const y = await allRows(x, options);
  return y.computedBy({
    op: "gatherRows",
    inputs: [x],
    gradient: (dy) => [slice(dy, { dim: 0, ...shardRange(numRows, size, rank) })],
  });
}

/** How many rows go to each rank of the group, and come from each. */
export interface RowCounts {
  readonly sent: readonly number[];
  readonly received: readonly number[];
}

/** Sends the first `sent[0]` rows of `x` [n, D] to rank 0, the next to rank 1 ...: those received, in the order of ranks. */
export async function exchangeRows(
  x: Tensor,
  { group, label, sent, received }: ExchangeOptions & RowCounts,
): Promise<Tensor> {
  const y = await exchanged(x, { group, label, sent, received });
  return y.computedBy({
    op: "exchangeRows",
    inputs: [x],
    gradient: async (dy) => [
      await exchanged(dy, { group, label: `gradient of ${label}`, sent: received, received: sent }),
    ],
  });
}

/** Records no gradient. */
async function exchanged(
  x: Tensor,
  { group, label, sent, received }: ExchangeOptions & RowCounts,
): Promise<Tensor> {
  const [, width] = x.shape;
  const total = received.reduce((sum, count) => sum + count, 0);
  const y = Tensor.empty(x.device, [total, width]);
  await allToAll(x, y, {
    group,
    label,
    sendCounts: sent.map((count) => count * width),
    receiveCounts: received.map((count) => count * width),
  });
  return y;
}

/** Records no gradient. */
async function allRows(
  x: Tensor,
  { group, label, numRows }: ExchangeOptions & { readonly numRows: number },
): Promise<Tensor> {
  const [, width] = x.shape;
  const ranges = group.ranks.map((_, rank) => shardRange(numRows, group.size, rank));
  const y = Tensor.empty(x.device, [numRows, width]);
  x.device.copy(x.buffer, 0, y.buffer, 4 * width * ranges[group.rank].begin, 4 * x.length);
  const counts = ranges.map(({ begin, end }) => (end - begin) * width);
  await allGather(y, { group, label, counts });
  return y;
}
