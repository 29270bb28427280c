// Numbers from the host in the middle of a computation, such as positions. A leaf would have to be released by its maker, which keeps no
// reference to these. As the result of an op without operands they are released with what is computed from them.

import type { Device } from "../device/device.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A tensor of indices, released with what is computed from it. @throws {RangeError} if their number is not that of the shape */
export function constantIndices(
  device: Device,
  indices: Uint32Array,
  shape: readonly number[] = [indices.length],
): Tensor<"u32"> {
  return Tensor.from(device, indices, { shape }).computedBy({
    op: "constantIndices",
    inputs: [],
    gradient: () => [],
  });
}

/** A tensor of numbers, released with what is computed from it. @throws {RangeError} if their number is not that of the shape */
export function constantNumbers(
  device: Device,
  numbers: Float32Array,
  shape: readonly number[] = [numbers.length],
): Tensor {
  return Tensor.from(device, numbers, { shape }).computedBy({
    op: "constantNumbers",
    inputs: [],
    gradient: () => [],
  });
}
