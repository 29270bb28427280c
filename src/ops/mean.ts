// y = sum of all elements of x / their number.        dx = dy / their number, everywhere

import { formatShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { scale } from "./scale.ts";
import { sum } from "./sum.ts";

/**
 * Mean of all elements: a tensor of shape [].
 *
 * @throws {RangeError} if there is no element.
 *
 * @example
 * ```ts
 * import { mean, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3]);
 * using y = mean(x);
 * console.log(await y.item()); // 2
 * ```
 *
 * @category Ops
 */
export function mean(x: FloatTensor): Tensor {
  if (x.length === 0) {
    throw new RangeError(`mean() wants at least one element, the shape is ${formatShape(x.shape)}`);
  }
  return scale(sum(x), 1 / x.length);
}
