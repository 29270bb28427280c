// y = factor x, factor a number.        dx = factor dy

import { Tensor } from "../tensor/tensor.ts";

/** Every element times `factor`. */
export function scale(x: Tensor, factor: number): Tensor {
  return scaled(x, factor).computedBy({
    op: "scale",
    inputs: [x],
    gradient: (dy) => [scaled(dy, factor)],
  });
}

/** Unrecorded {@linkcode scale}. */
export function scaled(x: Tensor, factor: number): Tensor {
  const y = Tensor.empty(x.device, x.shape);
  x.device.run("scale", { x: x.buffer, out: y.buffer }, { length: x.length, factor });
  return y;
}
