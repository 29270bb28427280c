// y = factor x, factor a number.        dx = factor dy

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats } from "./operands.ts";
import { runFlat } from "./pointwise.ts";

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
  checkFloats("scale", { x });
  return scaled(x, factor).computedBy({
    op: "scale",
    inputs: [x],
    gradient: (dy) => [scaled(dy, factor)],
  });
}

/** {@linkcode scale} without recording a gradient. */
export function scaled(x: FloatTensor, factor: number): Tensor {
  return runFlat("scale", { x }, { factor });
}
