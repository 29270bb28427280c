// y = x W^T + b for an x that is equal on every rank and a W that is not:  dx = sum over ranks of dy W
//
//   start the all-reduce of dy W  |  meanwhile dW = dy^T x and db  |  wait for dx
//
// Where kernels run in the background, dW is one kernel behind dx. Where they block this thread, nothing would be sent or received
// while dW is computed, so it is computed in slices of rows, and the sockets are polled before each until dx has arrived.
//
// W is [O, I], or [I, O] ("inOut"); then dW = x^T dy, too.

import { columnSums } from "../../ops/add_bias.ts";
import { asF32 } from "../../ops/cast.ts";
import { inputGradient, linearForward } from "../../ops/linear.ts";
import { matmulForward, multiply } from "../../ops/matmul.ts";
import { inF32 } from "../../ops/operands.ts";
import { allReduce, type ExchangeOptions } from "../../tensor/exchange.ts";
import { rowsAndCols } from "../../tensor/shape.ts";
import { pollSockets } from "../../tensor/event_loop.ts";
import { type FloatTensor, Tensor } from "../../tensor/tensor.ts";

/** The layout of a weight in memory: [O, I], or [I, O] as in transformers' Conv1D. */
export type WeightStorage = "outIn" | "inOut";

/** Operands of a linear map: x [..., I], W [O, I] or [I, O], b [O]. */
export interface LinearOperands {
  readonly x: FloatTensor;
  readonly weight: FloatTensor;
  readonly bias: FloatTensor | undefined;
  /** Default: [O, I]. */
  readonly storage?: WeightStorage;
}

/** linear(copyToGroup(x), weight, bias), but dW and db are computed during the all-reduce of dx; `label` is that of x. */
export function overlappedLinear(
  { x: input, weight, bias, storage = "outIn" }: LinearOperands,
  { group, label }: ExchangeOptions,
): Tensor {
  const x = asF32(input);
  const isTransposed = storage === "inOut";
  const y = isTransposed ? matmulForward(x, weight, bias) : linearForward(x, weight, bias);
  return y.computedBy({
    op: "linear",
    inputs: bias === undefined ? [x, weight] : [x, weight, bias],
    async gradient(dy, [wantsX, wantsWeight, wantsBias]) {
      const inputGradientOf = isTransposed ? transposedInputGradient : inputGradient;
      const dx = wantsX ? inputGradientOf(dy, weight) : undefined;
      const exchange = dx === undefined
        ? Promise.resolve()
        : allReduce(dx, { group, label: `gradient of ${label}` });
      const [a, b] = isTransposed ? [x, dy] : [dy, x];
      // Waits for both even if one fails, as both use tensors that the caller then releases.
      const [exchanged, computed] = await Promise.allSettled([
        exchange,
        wantsWeight ? productDuring(exchange, { a, b }) : undefined,
      ]);
      if (exchanged.status === "rejected") throw exchanged.reason;
      if (computed.status === "rejected") throw computed.reason;
      return [dx, computed.value, wantsBias ? columnSums(dy) : undefined];
    },
  });
}

/** dx [..., I] of dy [..., O] and W [I, O]; records no gradient. */
function transposedInputGradient(dy: Tensor, weight: FloatTensor): Tensor {
  const { rows: m, cols: k } = rowsAndCols(dy.shape);
  const n = weight.shape[0];
  const dx = Tensor.empty(dy.device, [...dy.shape.slice(0, -1), n]);
  inF32([weight], (weight) => multiply("matmul_nt", { a: dy, b: weight, out: dx }, { m, n, k }));
  return dx;
}

/** a^T b [M, N] of a [..., M] and b [..., N]; polls the sockets during `exchange` where kernels block the thread. */
async function productDuring(
  exchange: Promise<void>,
  { a, b }: { readonly a: Tensor; readonly b: Tensor },
): Promise<Tensor> {
  const { rows: k, cols: m } = rowsAndCols(a.shape);
  const n = b.shape.at(-1)!;
  const out = Tensor.empty(a.device, [m, n]);
  if (a.device.runsInBackground) {
    multiply("matmul_tn", { a, b, out }, { m, n, k });
    return out;
  }
  let isExchanging = true;
  const stopWaiting = () => isExchanging = false;
  exchange.then(stopWaiting, stopWaiting);
  const sliceRows = Math.max(1, Math.floor(SLICE_MULTIPLY_ADDS / (k * n)));
  let rowEnd = 0;
  while (rowEnd < m) {
    if (isExchanging) await pollSockets();
    const rowBegin = rowEnd;
    rowEnd = isExchanging ? Math.min(m, rowBegin + sliceRows) : m;
    multiply("matmul_tn", { a, b, out }, { m, n, k, rowBegin, rowEnd });
  }
  return out;
}

// 1 to 2 ms of work on one core (10 G multiply-adds per second, less in thin slices).
const SLICE_MULTIPLY_ADDS = 2 ** 24;
