// y = mean of x over some dims, or over all.        dx = dy / their number, the same along every dim of the mean

import { formatShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { dimsOf, type DimsOptions } from "./dims.ts";
import { checkFloats } from "./operands.ts";
import { scale } from "./scale.ts";
import { sum } from "./sum.ts";

/**
 * Mean over the dims `dim`, by default over all: then a tensor of shape [].
 *
 * @throws {RangeError} if there is no element to average, no such dim, or it is named twice.
 *
 * @example
 * ```ts
 * import { mean, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using all = mean(x);
 * console.log(await all.item()); // 3.5
 * using ofRows = mean(x, { dim: -1, keepDims: true });
 * console.log(ofRows.shape, await ofRows.data()); // [2, 1]: 2, 5
 * ```
 *
 * @category Ops
 */
export function mean(x: FloatTensor, options: DimsOptions = {}): Tensor {
  checkFloats("mean", { x });
  const count = dimsOf("mean", x, options).reduce((product, dim) => product * x.shape[dim]!, 1);
  if (count === 0) {
    throw new RangeError(`mean() wants at least one element, the shape is ${formatShape(x.shape)}`);
  }
  return scale(sum(x, options), 1 / count);
}
