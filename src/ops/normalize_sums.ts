// y = x / (sum_c x + eps) along the last dim.        dx = (dy - sum_c y dy) / (sum_c x + eps)

import { checkOptions } from "../tensor/option_names.ts";
import { formatShape, rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats, inF32 } from "./operands.ts";

/**
 * Divides the last dim of `x` [..., C] by its sum plus `eps`, so that it adds up to 1.
 *
 * @throws {RangeError} if `x` has no dims.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { normalizeSums } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 3, 5, 5], { shape: [2, 2] });
 * using y = normalizeSums(x);
 * console.log(await y.data()); // 0.25, 0.75, 0.5, 0.5
 * ```
 *
 * @category Ops
 */
export function normalizeSums(
  x: FloatTensor,
  options: { readonly eps?: number } = {},
): Tensor {
  checkOptions("normalizeSums()", options, ["eps"]);
  const { eps = 0 } = options;
  checkFloats("normalizeSums", { x });
  if (x.shape.length === 0) {
    throw new RangeError(`normalizeSums() wants x of [..., C], got ${formatShape(x.shape)}`);
  }
  const { device } = x;
  const params = { ...rowsAndCols(x.shape), eps };
  const y = Tensor.empty(device, x.shape);
  inF32([x], (x) => device.run("normalize_sums", { x: x.buffer, out: y.buffer }, params));
  return y.computedBy({
    op: "normalizeSums",
    inputs: [x],
    gradient: (dy) => {
      const dx = Tensor.empty(device, x.shape);
      inF32([x], (x) => {
        const operands = { x: x.buffer, dy: dy.buffer, dx: dx.buffer };
        device.run("normalize_sums_backward", operands, params);
      });
      return [dx];
    },
  });
}
