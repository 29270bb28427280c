// y = x, stored as another type: rounded to the nearest, ties to even; values beyond the largest become infinity.        dx = dy
//
// Gradients are computed in f32, so casting down and up again passes them on unrounded.

import { type FloatType, isFloatType } from "../tensor/dtype.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkTensor } from "./operands.ts";

/**
 * Stores `x` as f32, f16 or bf16.
 *
 * @throws {TypeError} if either type is another one.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { cast } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 1 / 3]);
 * using y = cast(x, "bf16");
 * console.log(y.dtype, await y.data()); // bf16, 1 and 0.333984375
 * ```
 *
 * @category Ops
 */
export function cast<F extends FloatType>(x: FloatTensor, dtype: F): Tensor<F> {
  checkTensor("cast", "x", x);
  if (!isFloatType(dtype) || !isFloatType(x.dtype)) {
    throw new TypeError(`cast() wants f32, f16 or bf16, got ${x.dtype} to be cast to ${dtype}`);
  }
  const y = isStoredAs(x, dtype) ? x.alias(x.shape) : x.copyAs(dtype);
  return y.computedBy({ op: "cast", inputs: [x], gradient: (dy) => [dy] });
}

/** `x` itself if it is f32, otherwise `x` cast to f32. */
export function asF32(x: FloatTensor): Tensor {
  return isStoredAs(x, "f32") ? x : cast(x, "f32");
}

function isStoredAs<F extends FloatType>(x: FloatTensor, dtype: F): x is Tensor<F> {
  return x.dtype === dtype;
}
