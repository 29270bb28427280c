// y[i_order[0], i_order[1], ...] = x[i_0, i_1, ...]: dims in another order.        dx = dy with the original order

import { formatShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { inF32 } from "./operands.ts";

/**
 * Reorders the dims of `x` (at most 4): dim k of the result is dim `order[k]` of `x`.
 *
 * @throws {RangeError} if `order` does not name every dim once, or there are more than 4.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { permute } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using y = permute(x, [1, 0]);
 * console.log(await y.data()); // 1, 4, 2, 5, 3, 6
 * ```
 *
 * @category Ops
 */
export function permute(x: FloatTensor, order: readonly number[]): Tensor {
  const dims = x.shape.map((_, dim) => dim);
  if (x.shape.length > 4 || order.toSorted((a, b) => a - b).join() !== dims.join()) {
    throw new RangeError(
      `permute() wants every one of at most 4 dims once, got the order [${order.join(", ")}] for ` +
        formatShape(x.shape),
    );
  }
  const back = dims.map((dim) => order.indexOf(dim));
  return permuted(x, order).computedBy({
    op: "permute",
    inputs: [x],
    gradient: (dy) => [permuted(dy, back)],
  });
}

/** {@linkcode permute} without checks, and without recording a gradient. */
export function permuted(x: FloatTensor, order: readonly number[]): Tensor {
  const strides = x.shape.map((_, dim) => x.shape.slice(dim + 1).reduce((a, b) => a * b, 1));
  const shape = order.map((dim) => x.shape[dim]);
  const missing = new Array<number>(4 - shape.length);
  const [dim0, dim1, dim2, dim3] = [...missing.fill(1), ...shape];
  const [stride0, stride1, stride2, stride3] = [
    ...missing.fill(0),
    ...order.map((dim) => strides[dim]),
  ];
  const out = Tensor.empty(x.device, shape);
  inF32([x], (x) => {
    x.device.run("permute", { x: x.buffer, out: out.buffer }, {
      dim0,
      dim1,
      dim2,
      dim3,
      stride0,
      stride1,
      stride2,
      stride3,
    });
  });
  return out;
}
