// y[k, ...] = x[...] for k < n: a new first dim, along which all is the same.        dx = sum_k dy[k]

import { formatShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { columnSums } from "./add_bias.ts";
import { checkFloats, inF32 } from "./operands.ts";

/**
 * `x` [...], `times` times: [times, ...].
 *
 * @throws {RangeError} if `times` is no integer from 1.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { repeat } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2], { shape: [2] });
 * using y = repeat(x, 3);
 * console.log(y.shape, await y.data()); // [3, 2]; 1, 2, 1, 2, 1, 2
 * ```
 *
 * @category Ops
 */
export function repeat(x: FloatTensor, times: number): Tensor {
  checkFloats("repeat", { x });
  if (!Number.isSafeInteger(times) || times < 1) {
    throw new RangeError(
      `repeat() wants a number of times from 1, got ${times} for ${formatShape(x.shape)}`,
    );
  }
  const y = Tensor.empty(x.device, [times, ...x.shape]);
  const cols = x.length;
  if (cols > 0) {
    inF32([x], (x) => {
      // The block of every row begins at the same element.
      x.device.run("copy_block", { x: x.buffer, out: y.buffer }, {
        rows: times,
        cols,
        fromStride: 0,
        fromOffset: 0,
        toStride: cols,
        toOffset: 0,
      });
    });
  }
  return y.computedBy({
    op: "repeat",
    inputs: [x],
    gradient: (dy) => [columnSums(dy.alias([times, cols])).alias(x.shape)],
  });
}
