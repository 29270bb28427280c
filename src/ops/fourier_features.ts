// y = [sin 2 pi x, cos 2 pi x], concatenated in the last dim: Fourier features of x, such as random projections of coordinates (Tancik
// et al. 2020).        dx = 2 pi (dsin cos 2 pi x - dcos sin 2 pi x)
//
// x counts turns, so that whole turns are taken off without a rounding error, however large x is.

import { formatShape, rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats, inF32 } from "./operands.ts";

/**
 * Sines, then cosines, of `x` [..., C] in turns: [..., 2 C].
 *
 * @throws {RangeError} if `x` is a scalar.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { fourierFeatures } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0, 0.25], { shape: [1, 2] });
 * using y = fourierFeatures(x);
 * console.log(await y.data()); // 0, 1, 1, 0
 * ```
 *
 * @category Ops
 */
export function fourierFeatures(x: FloatTensor): Tensor {
  checkFloats("fourierFeatures", { x });
  if (x.shape.length === 0) {
    throw new RangeError(`fourierFeatures() wants x of [..., C], got ${formatShape(x.shape)}`);
  }
  const { device } = x;
  const size = rowsAndCols(x.shape);
  const y = Tensor.empty(device, [...x.shape.slice(0, -1), 2 * size.cols]);
  inF32([x], (x) => device.run("fourier_features", { x: x.buffer, out: y.buffer }, size));
  return y.computedBy({
    op: "fourierFeatures",
    inputs: [x],
    gradient: (dy) => {
      const dx = Tensor.empty(device, x.shape);
      const operands = { y: y.buffer, dy: dy.buffer, dx: dx.buffer };
      device.run("fourier_features_backward", operands, size);
      return [dx];
    },
  });
}
