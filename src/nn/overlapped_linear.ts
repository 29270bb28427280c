// y = x W^T + b for an x that is equal on every rank and a W that is not:  dx = sum over ranks of dy W
//
//   start the all-reduce of dy W  |  dW = dy^T x and db, meanwhile  |  wait for dx
//
// Where kernels run in the background, dW is one kernel behind dx. Where they run on this thread, nothing would move while
// dW is computed, so it is computed in slices of rows, with time for the sockets before each until dx has arrived.

import type { ProcessGroup } from "../dist/group.ts";
import { columnSums } from "../ops/add_row.ts";
import { asF32 } from "../ops/cast.ts";
import { inputGradient, linearForward, weightGradient } from "../ops/linear.ts";
import { multiply } from "../ops/matmul.ts";
import { allReduce } from "../tensor/exchange.ts";
import { rowsAndCols } from "../tensor/shape.ts";
import { letSocketsMove } from "../tensor/socket_turns.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";

/** Operands of a linear map: x [..., I], W [O, I], b [O]. */
export interface LinearOperands {
  readonly x: FloatTensor;
  readonly weight: FloatTensor;
  readonly bias: FloatTensor | undefined;
}

/** linear(copyToGroup(x), weight, bias), but dW and db are computed while dx is on the wire. */
export function overlappedLinear(
  { x: input, weight, bias }: LinearOperands,
  group: ProcessGroup,
): Tensor {
  const x = asF32(input);
  return linearForward(x, weight, bias).computedBy({
    op: "linear",
    inputs: bias === undefined ? [x, weight] : [x, weight, bias],
    async gradient(dy, [wantsX, wantsWeight, wantsBias]) {
      const dx = wantsX ? inputGradient(dy, weight) : undefined;
      const exchange = dx === undefined ? Promise.resolve() : allReduce(dx, group);
      // Both are waited for even if one fails, as both use tensors that the caller releases then.
      const [exchanged, computed] = await Promise.allSettled([
        exchange,
        wantsWeight ? weightGradientDuring(exchange, { dy, x }) : undefined,
      ]);
      if (exchanged.status === "rejected") throw exchanged.reason;
      if (computed.status === "rejected") throw computed.reason;
      return [dx, computed.value, wantsBias ? columnSums(dy) : undefined];
    },
  });
}

/** dW, with time for the sockets while `exchange` goes on, where the device would not let go of the thread. */
async function weightGradientDuring(
  exchange: Promise<void>,
  { dy, x }: { readonly dy: Tensor; readonly x: Tensor },
): Promise<Tensor> {
  if (dy.device.runsInBackground) return weightGradient(dy, x);
  let isExchanging = true;
  const stopWaiting = () => isExchanging = false;
  exchange.then(stopWaiting, stopWaiting);
  const { rows: k, cols: m } = rowsAndCols(dy.shape);
  const n = x.shape.at(-1)!;
  const dWeight = Tensor.empty(dy.device, [m, n]);
  const sliceRows = Math.max(1, Math.floor(SLICE_MULTIPLY_ADDS / (k * n)));
  let rowEnd = 0;
  while (rowEnd < m) {
    if (isExchanging) await letSocketsMove();
    const rowBegin = rowEnd;
    rowEnd = isExchanging ? Math.min(m, rowBegin + sliceRows) : m;
    multiply("matmul_tn", { a: dy, b: x, out: dWeight }, { m, n, k, rowBegin, rowEnd });
  }
  return dWeight;
}

// 1 to 2 ms of work on one core (10 G multiply-adds per second, less in thin slices).
const SLICE_MULTIPLY_ADDS = 2 ** 24;
