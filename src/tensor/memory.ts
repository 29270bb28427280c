// The memory behind a tensor. A reshaped tensor shares its source's; one of them, the owner, gives it back.
//
// Owners release memory in time (autograd.ts). What somebody drops without releasing comes back, late, when the garbage
// collector finds it: a safety net, not the rule.

import type { Device, DeviceBuffer } from "../device/device.ts";
import { BYTES_PER_ELEMENT, type DType, type HostArray, packNumbers, viewBytes } from "./dtype.ts";
import { checkShape, elementCount, formatShape } from "./shape.ts";

/** Elements on a device, shared by all tensors that look at them. */
export class Memory {
  readonly buffer: DeviceBuffer;
  /** The tensor that gives the memory back when it is released. */
  owner: object | undefined;
  /** The largest element, where it is known: in u32 written by the host. */
  largest: number | undefined;

  /** @throws {RangeError} if `shape` is none. */
  constructor(device: Device, shape: readonly number[]) {
    checkShape(shape);
    this.buffer = device.allocate(elementCount(shape) * BYTES_PER_ELEMENT);
    dropped.register(this, this.buffer, this);
  }

  /** Gives the memory back if it is `tensor`'s to give. */
  release(tensor: object): void {
    if (this.owner !== tensor) return;
    dropped.unregister(this);
    this.buffer[Symbol.dispose]();
  }

  /**
   * Memory with a copy of `values`.
   *
   * @throws {RangeError} if the number of values is not that of `shape`, or a value does not fit `dtype`.
   * @throws {TypeError} if `values` is a typed array of another type.
   */
  static from(device: Device, values: Values, format: Format): Memory {
    const packed = pack(values, format);
    const memory = new Memory(device, format.shape);
    memory.#write(packed);
    return memory;
  }

  /** Overwrites all elements; throws as {@linkcode Memory.from}. */
  write(values: Values, format: Format): void {
    this.#write(pack(values, format));
  }

  /** Copies all elements to the host. */
  async read<D extends DType>(dtype: D): Promise<HostArray<D>> {
    return viewBytes(await this.buffer.device.read(this.buffer), dtype);
  }

  #write(packed: Float32Array | Uint32Array): void {
    if (packed instanceof Uint32Array) {
      this.largest = packed.reduce((largest, value) => Math.max(largest, value), 0);
    }
    this.buffer.device.write(this.buffer, packed);
  }
}

/** Elements from the host. */
export type Values = Float32Array | Uint32Array | readonly number[];

/** How elements are to be seen. */
export interface Format {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

function pack(values: Values, { shape, dtype }: Format): Float32Array | Uint32Array {
  const wanted = elementCount(shape);
  if (values.length !== wanted) {
    throw new RangeError(
      `A tensor of shape ${formatShape(shape)} wants ${wanted} values, got ${values.length}`,
    );
  }
  const isTyped = values instanceof Float32Array || values instanceof Uint32Array;
  const packed = isTyped ? values : packNumbers(values, dtype);
  if (packed instanceof Uint32Array !== (dtype === "u32")) {
    throw new TypeError(`A tensor of ${dtype} cannot take a ${packed.constructor.name}`);
  }
  return packed;
}

const dropped = new FinalizationRegistry<DeviceBuffer>((buffer) => buffer[Symbol.dispose]());
