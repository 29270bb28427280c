// y = sum of x over some dims, or over all.        dx = dy, the same along every summed dim

import { dimsOf, type DimsOptions, shapeAfter } from "./dims.ts";
import { sumOver } from "./dim_sums.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats } from "./operands.ts";
import { runSpread } from "./pointwise.ts";

/**
 * Sum over the dims `dim`, by default over all: then a tensor of shape []. The order of the sum depends on the shape alone.
 *
 * @throws {RangeError} if there is no such dim, or it is named twice.
 *
 * @example
 * ```ts
 * import { requestDevice, sum, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using all = sum(x);
 * console.log(await all.item()); // 21
 * using ofRows = sum(x, { dim: 1 });
 * console.log(await ofRows.data()); // 6, 15
 * ```
 *
 * @category Ops
 */
export function sum(x: FloatTensor, options: DimsOptions = {}): Tensor {
  checkFloats("sum", { x });
  const dims = dimsOf("sum", x, options);
  const kept = shapeAfter(x.shape, dims, { keepDims: true });
  return sumOver(x, dims, shapeAfter(x.shape, dims, options)).computedBy({
    op: "sum",
    inputs: [x],
    gradient: (dy) => [runSpread("expand", { x: dy.alias(kept) }, { shape: x.shape })],
  });
}
