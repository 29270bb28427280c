// Elements of device memory: a tensor that shares its buffer with others, or a part of one.

import type { DeviceBuffer } from "../device/device.ts";
import { storageTypes } from "../device/storage_types.ts";
import { bytesPerElement, type DType, type FloatType } from "./dtype.ts";

/**
 * `length` elements of type `dtype` in `buffer`, from element `offset` on.
 *
 * @category Tensors
 */
export interface DeviceRange<Type extends DType = FloatType> {
  /** The memory. */
  readonly buffer: DeviceBuffer;
  /** The first element. */
  readonly offset: number;
  /** How many elements. */
  readonly length: number;
  /** How they are stored. */
  readonly dtype: Type;
}

/** Copies the elements of `from` to the beginning of `to`, which has room for as many; between element types too. */
export function copyRange(from: DeviceRange, to: DeviceRange): void {
  const { length } = from;
  if (length === 0) return;
  const { device } = from.buffer;
  const bytes = bytesPerElement(from.dtype);
  const isWords = [from.offset, to.offset, length].every((count) => bytes * count % 4 === 0);
  if (from.dtype === to.dtype && isWords) {
    const [begin, end] = [bytes * from.offset, bytes * to.offset];
    device.copy(from.buffer, begin, to.buffer, end, bytes * length);
  } else {
    device.run("cast", { x: from.buffer, out: to.buffer }, {
      fromType: storageTypes[from.dtype],
      toType: storageTypes[to.dtype],
      fromOffset: from.offset,
      toOffset: to.offset,
      length,
    });
  }
}
