// What every op asks of its operands before it calls a kernel.

import type { DType } from "../tensor/dtype.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** @throws {TypeError} if the operands of `op` live on different devices. */
export function checkSameDevice(
  op: string,
  first: Tensor<DType>,
  ...others: Tensor<DType>[]
): void {
  for (const { device } of others) {
    if (device !== first.device) {
      throw new TypeError(
        `${op}() wants operands on one device, got two (${first.device.description}; ${device.description}): ` +
          "make all tensors and the model on the device of one requestDevice()",
      );
    }
  }
}

/** @throws {RangeError} if the operands of `op` differ in shape, or {TypeError} in device. */
export function checkSameShape(op: string, a: Tensor, b: Tensor): void {
  checkSameDevice(op, a, b);
  if (!sameShape(a.shape, b.shape)) {
    throw new RangeError(
      `${op}() wants two operands of the same shape, got ${formatShape(a.shape)} and ${
        formatShape(b.shape)
      }: reshape() one if they hold the same elements`,
    );
  }
}
