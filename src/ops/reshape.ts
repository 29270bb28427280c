// y = the elements of x, in the same order, with another shape.        dx = dy with the shape of x
//
// Nothing is copied: y shares the memory of x.

import type { DType } from "../tensor/dtype.ts";
import { checkShape, elementCount, formatShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkNumbers, checkTensor } from "./operands.ts";

/**
 * The same elements with another shape.
 *
 * @throws {RangeError} if the shape has another number of elements.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { reshape } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using y = reshape(x, [3, 2]);
 * console.log(y.shape); // [3, 2]
 * ```
 *
 * @category Ops
 */
export function reshape<D extends DType>(x: Tensor<D>, shape: readonly number[]): Tensor<D> {
  checkTensor("reshape", "x", x);
  checkNumbers("reshape", "the shape", shape);
  checkShape(shape);
  if (elementCount(shape) !== x.length) {
    throw new RangeError(
      `reshape() keeps the number of elements: ${formatShape(x.shape)} has ${x.length}, ` +
        `${formatShape(shape)} has ${elementCount(shape)}`,
    );
  }
  return x.alias(shape).computedBy({
    op: "reshape",
    inputs: [x],
    gradient: (dy) => [dy.alias(x.shape)],
  });
}
