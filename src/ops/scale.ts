// y = factor x, factor a number.        dx = factor dy

import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { inF32 } from "./operands.ts";

/**
 * Every element times `factor`.
 *
 * @example
 * ```ts
 * import { requestDevice, scale, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3]);
 * using y = scale(x, 0.5);
 * console.log(await y.data()); // 0.5, 1, 1.5
 * ```
 *
 * @category Ops
 */
export function scale(x: FloatTensor, factor: number): Tensor {
  return scaled(x, factor).computedBy({
    op: "scale",
    inputs: [x],
    gradient: (dy) => [scaled(dy, factor)],
  });
}

/** {@linkcode scale} without recording a gradient. */
export function scaled(x: FloatTensor, factor: number): Tensor {
  const y = Tensor.empty(x.device, x.shape);
  inF32([x], (x) => {
    x.device.run("scale", { x: x.buffer, out: y.buffer }, { length: x.length, factor });
  });
  return y;
}
