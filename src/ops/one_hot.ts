// y[..., c] = 1 where c is the index, else 0. There is no gradient, as indices have none.

import { Tensor } from "../tensor/tensor.ts";
import { checkIndices, indicesOf } from "./embedding.ts";
import { checkOptions } from "../tensor/option_names.ts";

/**
 * For each of `indices` [...] a row of zeros with a 1 at the index: f32 of [..., numClasses]. A leaf, which belongs to the caller.
 *
 * @throws {RangeError} if an index is not under `numClasses`.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { oneHot } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using indices = Tensor.from(device, [2, 0], { dtype: "u32" });
 * using y = oneHot(indices, { numClasses: 3 });
 * console.log(await y.data()); // 0, 0, 1, 1, 0, 0
 * ```
 *
 * @category Ops
 */
export function oneHot(
  indices: Tensor<"u32">,
  options: { readonly numClasses: number },
): Tensor {
  checkOptions("oneHot()", options, ["numClasses"]);
  const { numClasses } = options;
  if (!Number.isSafeInteger(numClasses) || numClasses < 1) {
    throw new RangeError(`oneHot() wants a number of classes from 1, got ${numClasses}`);
  }
  checkIndices("oneHot", indices, numClasses);
  const rows = new Float32Array(indices.length * numClasses);
  indicesOf("oneHot", indices).forEach((index, row) => rows[row * numClasses + index] = 1);
  return Tensor.from(indices.device, rows, { shape: [...indices.shape, numClasses] });
}
