// y[r, c] = x[r, c] + bias[c], r over all leading dims.        dx = dy, dbias[c] = sum_r dy[r, c]

import { formatShape, rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats, checkSameDevice } from "./operands.ts";
import { runSpread } from "./pointwise.ts";

/**
 * Adds `bias` [C] to every row of `x` [..., C].
 *
 * @throws {RangeError} if the length of `bias` is not that of the last dim of `x`.
 *
 * @example
 * ```ts
 * import { addBias, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using bias = Tensor.from(device, [10, 20, 30]);
 * using y = addBias(x, bias);
 * console.log(await y.data()); // 11, 22, 33, 14, 25, 36
 * ```
 *
 * @category Ops
 */
export function addBias(x: FloatTensor, bias: FloatTensor): Tensor {
  checkFloats("addBias", { x, bias });
  checkSameDevice("addBias", x, bias);
  const cols = x.shape.at(-1);
  if (x.shape.length === 0 || bias.shape.length !== 1 || bias.length !== cols) {
    throw new RangeError(
      `addBias() wants x of [..., C] and bias of [C], got ${formatShape(x.shape)} and ` +
        formatShape(bias.shape),
    );
  }
  return runSpread("add", { a: x, b: bias }, { shape: x.shape }).computedBy({
    op: "addBias",
    inputs: [x, bias],
    gradient: (dy, [wantsX, wantsBias]) => [
      wantsX ? dy : undefined,
      wantsBias ? columnSums(dy) : undefined,
    ],
  });
}

/** x [..., C] -> [C], summed over all leading dims; records no gradient. */
export function columnSums(x: Tensor): Tensor {
  const { rows, cols } = rowsAndCols(x.shape);
  const out = Tensor.empty(x.device, [cols]);
  x.device.run("column_sums", { x: x.buffer, out: out.buffer }, { rows, cols, accumulate: 0 });
  return out;
}
