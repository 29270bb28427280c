// The lower and the upper triangle of matrices, the last two dims: what is outside is 0, even where it was infinite.

import { formatShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { where } from "./comparison.ts";
import { constantNumbers } from "./constant.ts";
import { checkFloats } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";

/**
 * Options of {@linkcode tril} and {@linkcode triu}.
 *
 * @category Ops
 */
export interface TriangleOptions {
  /** The diagonal that bounds the triangle: 0 the main one, above 0 those above it. Default: 0. */
  readonly diagonal?: number;
}

/**
 * The matrices of `x` [..., M, N] with 0 above the diagonal.
 *
 * @throws {RangeError} if `x` has fewer than two dims, or the diagonal is no integer.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { tril } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using y = tril(x);
 * console.log(await y.data()); // 1, 0, 3, 4
 * ```
 *
 * @category Ops
 */
export function tril(x: FloatTensor, options: TriangleOptions = {}): Tensor {
  return triangle("tril", x, options);
}

/**
 * The matrices of `x` [..., M, N] with 0 below the diagonal.
 *
 * @throws {RangeError} if `x` has fewer than two dims, or the diagonal is no integer.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { triu } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using y = triu(x, { diagonal: 1 });
 * console.log(await y.data()); // 0, 2, 0, 0
 * ```
 *
 * @category Ops
 */
export function triu(x: FloatTensor, options: TriangleOptions = {}): Tensor {
  return triangle("triu", x, options);
}

function triangle(op: "tril" | "triu", x: FloatTensor, options: TriangleOptions): Tensor {
  checkFloats(op, { x });
  checkOptions(`${op}()`, options, ["diagonal"]);
  const { diagonal = 0 } = options;
  if (x.shape.length < 2 || !Number.isSafeInteger(diagonal)) {
    throw new RangeError(
      `${op}() wants x of [..., M, N] and a whole diagonal, got ${
        formatShape(x.shape)
      } and ${diagonal}`,
    );
  }
  const [rows, cols] = x.shape.slice(-2) as [number, number];
  const mask = Float32Array.from({ length: rows * cols }, (_, at) => {
    const above = at % cols - Math.floor(at / cols);
    return (op === "tril" ? above <= diagonal : above >= diagonal) ? 1 : 0;
  });
  return where(constantNumbers(x.device, mask, [rows, cols]), x, 0);
}
