// Numbers from the host in the midst of a computation, such as positions: a leaf would be its maker's to release, and nobody
// holds these. As the result of an op without operands they belong to what is computed from them, and go when it goes.

import type { Device } from "../device/device.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Indices of `shape`, released with what is computed from them. @throws {RangeError} if they are not as many */
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
