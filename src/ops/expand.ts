// y = x, the same along dims of length 1 and new leading dims.        dx = dy, summed over those

import { formatShape, sameShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { sumTo } from "./dim_sums.ts";
import { checkFloats, checkNumbers } from "./operands.ts";
import { broadcastShape, runSpread } from "./pointwise.ts";

/**
 * `x` broadcast to `shape`, as NumPy does: dims of length 1 are repeated, and missing leading ones. Ops of several operands need none of
 * this, as they broadcast.
 *
 * @throws {RangeError} if `x` cannot be broadcast to this shape.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { expand } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2], { shape: [2, 1] });
 * using y = expand(x, [2, 3]);
 * console.log(await y.data()); // 1, 1, 1, 2, 2, 2
 * ```
 *
 * @category Ops
 */
export function expand(x: FloatTensor, shape: readonly number[]): Tensor {
  checkFloats("expand", { x });
  checkNumbers("expand", "the shape", shape);
  if (!sameShape(broadcastShape("expand", [x.shape, shape]), shape)) {
    throw new RangeError(
      `expand() wants a shape that ${formatShape(x.shape)} can be broadcast to, got ${
        formatShape(shape)
      }`,
    );
  }
  return runSpread("expand", { x }, { shape }).computedBy({
    op: "expand",
    inputs: [x],
    gradient: (dy) => [sumTo(dy, x.shape)],
  });
}
