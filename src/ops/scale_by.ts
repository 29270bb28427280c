// y = factor[0] x, factor a scalar on the device: for gradients of scalars, which are never read back. Records no gradient.

import { Tensor } from "../tensor/tensor.ts";

/** Every element of `x` times the one element of `factor`; records no gradient. */
export function scaledBy(x: Tensor, factor: Tensor): Tensor {
  const y = Tensor.empty(x.device, x.shape);
  x.device.run(
    "scale_by",
    { x: x.buffer, factor: factor.buffer, out: y.buffer },
    { length: x.length },
  );
  return y;
}
