// Two dims of a tensor in each other's place.

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { dimOf } from "./dims.ts";
import { checkFloats } from "./operands.ts";
import { permute } from "./permute.ts";

/**
 * `x` with two dims exchanged: by default the last two.
 *
 * @throws {RangeError} if there is no such dim.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { transpose } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using y = transpose(x);
 * console.log(y.shape, await y.data()); // [3, 2]: 1, 4, 2, 5, 3, 6
 * ```
 *
 * @category Ops
 */
export function transpose(x: FloatTensor, dimA: number = -2, dimB: number = -1): Tensor {
  checkFloats("transpose", { x });
  const [a, b] = [dimOf("transpose", x, dimA), dimOf("transpose", x, dimB)];
  return permute(x, [...x.shape.keys()].with(a, b).with(b, a));
}
