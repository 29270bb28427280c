// y[c] = e^x[c] / sum_c e^x[c] along the last dim, shifted by the largest x, so that nothing overflows.
//        dx = y (dy - sum_c y dy)
//
// Attention has a softmax of its own, which never holds a whole row: attention.ts.

import { formatShape, rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats, inF32 } from "./operands.ts";

/**
 * Softmax along the last dim of `x` [..., C]: C positive numbers that add up to 1. -infinity gives exactly 0; a row of nothing
 * but -infinity gives NaN.
 *
 * @throws {RangeError} if `x` has no dims.
 *
 * @example
 * ```ts
 * import { requestDevice, softmax, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0, Math.log(3)], { shape: [1, 2] });
 * using y = softmax(x);
 * console.log(await y.data()); // 0.25, 0.75
 * ```
 *
 * @category Ops
 */
export function softmax(x: FloatTensor): Tensor {
  checkFloats("softmax", { x });
  if (x.shape.length === 0) {
    throw new RangeError(`softmax() wants x of [..., C], got ${formatShape(x.shape)}`);
  }
  const { device } = x;
  const sizes = rowsAndCols(x.shape);
  const y = Tensor.empty(device, x.shape);
  inF32([x], (x) => device.run("softmax", { x: x.buffer, out: y.buffer }, sizes));
  return y.computedBy({
    op: "softmax",
    inputs: [x],
    gradient: (dy) => {
      const dx = Tensor.empty(device, x.shape);
      const operands = { y: y.buffer, dy: dy.buffer, dx: dx.buffer };
      device.run("softmax_backward", operands, sizes);
      return [dx];
    },
  });
}
