// y[M, N] = a[M, K] b[K, N] + bias[N].        da = dy b^T, db = a^T dy, dbias[n] = sum_m dy[m, n]
//
// The leading dims of `a` together are M. For leading dims of `b` see batched_matmul.ts.

import type { Device } from "../device/device.ts";
import { formatShape, rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { columnSums } from "./add_bias.ts";
import { checkFloats, checkSameDevice, inF32 } from "./operands.ts";

/**
 * Matrix product of `a` [..., K] and `b` [K, N], plus `bias` [N] if it is given: [..., N].
 *
 * @throws {RangeError} if the shapes do not fit.
 *
 * @example
 * ```ts
 * import { matmul, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using b = Tensor.from(device, [1, 10], { shape: [2, 1] });
 * using y = matmul(a, b);
 * console.log(await y.data()); // 21, 43
 * ```
 *
 * @category Ops
 */
export function matmul(a: FloatTensor, b: FloatTensor, bias?: FloatTensor): Tensor {
  return matmulForward(a, b, bias).computedBy({
    op: "matmul",
    inputs: bias === undefined ? [a, b] : [a, b, bias],
    gradient(dy, [wantsA, wantsB, wantsBias]) {
      const { rows: m, cols: n } = rowsAndCols(dy.shape);
      const k = b.shape[0];
      const da = wantsA ? Tensor.empty(a.device, a.shape) : undefined;
      const db = wantsB ? Tensor.empty(b.device, b.shape) : undefined;
      if (da) inF32([b], (b) => multiply("matmul_nt", { a: dy, b, out: da }, { m, n: k, k: n }));
      if (db) inF32([a], (a) => multiply("matmul_tn", { a, b: dy, out: db }, { m: k, n, k: m }));
      return [da, db, wantsBias ? columnSums(dy) : undefined];
    },
  });
}

/** {@linkcode matmul} without recording a gradient. */
export function matmulForward(a: FloatTensor, b: FloatTensor, bias?: FloatTensor): Tensor {
  checkFloats("matmul", bias === undefined ? { a, b } : { a, b, bias });
  checkSameDevice("matmul", a, b, ...(bias === undefined ? [] : [bias]));
  const { rows: m, cols: k } = rowsAndCols(a.shape);
  if (a.shape.length === 0 || b.shape.length !== 2 || b.shape[0] !== k) {
    throw new RangeError(
      `matmul() wants a of [..., K] and b of [K, N], got ${formatShape(a.shape)} and ` +
        formatShape(b.shape),
    );
  }
  const n = b.shape[1];
  if (bias !== undefined && (bias.shape.length !== 1 || bias.length !== n)) {
    throw new RangeError(
      `matmul() wants bias of [${n}] for b of ${formatShape(b.shape)}, got ${
        formatShape(bias.shape)
      }`,
    );
  }
  const y = Tensor.empty(a.device, [...a.shape.slice(0, -1), n]);
  inF32([a, b, bias], (a, b, bias) => {
    multiply("matmul_nn", { a, b, bias, out: y }, { m, n, k });
  });
  return y;
}

/** Operands of one product; the kernel's name says which is transposed. */
interface Operands {
  readonly a: Tensor;
  readonly b: Tensor;
  /** [N], added to every row. */
  readonly bias?: Tensor | undefined;
  /** [M, N]. */
  readonly out: Tensor;
}

/**
 * `out` is [M, N], summed over K; only rows rowBegin <= row < rowEnd (default: all) are computed. The operands hold `batch`
 * (default: 1) matrices one after the other, from elements `aFrom`, `bFrom` and `outFrom` (default: 0) on.
 */
interface Sizes {
  readonly aFrom?: number;
  readonly bFrom?: number;
  readonly outFrom?: number;
  readonly batch?: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly rowBegin?: number;
  readonly rowEnd?: number;
  /** 1 to add to `out`. Default: 0. */
  readonly accumulate?: 0 | 1;
}

/** Calls one of the matmul kernels; records no gradient. */
export function multiply(
  kernel: "matmul_nn" | "matmul_nt" | "matmul_tn",
  { a, b, bias, out }: Operands,
  {
    aFrom = 0,
    bFrom = 0,
    outFrom = 0,
    batch = 1,
    m,
    n,
    k,
    rowBegin = 0,
    rowEnd = m,
    accumulate = 0,
  }: Sizes,
): void {
  const device: Device = out.device;
  device.run(
    kernel,
    { a: a.buffer, b: b.buffer, bias: bias?.buffer ?? device.empty, out: out.buffer },
    {
      aFrom,
      bFrom,
      outFrom,
      batch,
      m,
      n,
      k,
      rowBegin,
      rowEnd,
      biasLength: bias?.length ?? 0,
      accumulate,
    },
  );
}
