// y[..., M, N] = a[..., M, K] b[..., K, N], a product for each of the leading dims.        da = dy b^T, db = a^T dy
//
// b may be stored transposed, [..., N, K]: then da = dy b and db = dy^T a.

import { checkOptions } from "../tensor/option_names.ts";
import { elementCount, formatShape, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { multiply } from "./matmul.ts";
import { checkFloats, checkSameDevice, inF32 } from "./operands.ts";

/**
 * Options of {@linkcode batchedMatmul}.
 *
 * @category Ops
 */
export interface BatchedMatmulOptions {
  /** How `b` is stored: [..., K, N], or transposed, [..., N, K]. Default: "asIs". */
  readonly b?: "asIs" | "transposed";
}

/**
 * Matrix products of `a` [..., M, K] and `b` [..., K, N], one for each index of the leading dims: [..., M, N].
 *
 * @throws {RangeError} if the shapes do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { batchedMatmul } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 1, 2] });
 * using b = Tensor.from(device, [1, 10, 1, 100], { shape: [2, 2, 1] });
 * using y = batchedMatmul(a, b);
 * console.log(await y.data()); // 21, 403
 * ```
 *
 * @category Ops
 */
export function batchedMatmul(
  a: FloatTensor,
  b: FloatTensor,
  options: BatchedMatmulOptions = {},
): Tensor {
  checkOptions("batchedMatmul()", options, ["b"]);
  const { b: storage = "asIs" } = options;
  checkFloats("batchedMatmul", { a, b });
  checkSameDevice("batchedMatmul", a, b);
  const [m, k] = a.shape.slice(-2);
  const isTransposed = storage === "transposed";
  const n = b.shape.at(isTransposed ? -2 : -1)!;
  const leading = a.shape.slice(0, -2);
  const wanted = isTransposed ? [n, k] : [k, n];
  if (a.shape.length < 2 || !sameShape(b.shape, [...leading, ...wanted])) {
    throw new RangeError(
      `batchedMatmul() wants a of [..., M, K] and b of [..., ${
        isTransposed ? "N, K" : "K, N"
      }], got ${formatShape(a.shape)} and ${formatShape(b.shape)}: matmul() takes one b for all`,
    );
  }
  const batch = elementCount(leading);
  const y = Tensor.empty(a.device, [...leading, m, n]);
  inF32([a, b], (a, b) => {
    multiply(isTransposed ? "matmul_nt" : "matmul_nn", { a, b, out: y }, { batch, m, n, k });
  });
  return y.computedBy({
    op: "batchedMatmul",
    inputs: [a, b],
    gradient(dy, [wantsA, wantsB]) {
      const da = wantsA ? Tensor.empty(a.device, a.shape) : undefined;
      const db = wantsB ? Tensor.empty(b.device, b.shape) : undefined;
      const ofA = { batch, m, n: k, k: n };
      const kernel = isTransposed ? "matmul_nn" : "matmul_nt";
      if (da) inF32([b], (b) => multiply(kernel, { a: dy, b, out: da }, ofA));
      if (db) {
        inF32(
          [a],
          (a) =>
            isTransposed
              ? multiply("matmul_tn", { a: dy, b: a, out: db }, { batch, m: n, n: k, k: m })
              : multiply("matmul_tn", { a, b: dy, out: db }, { batch, m: k, n, k: m }),
        );
      }
      return [da, db];
    },
  });
}
