// The memory behind a tensor. A reshaped tensor shares its source's memory; one of them, the owner, releases it.
//
// Owners release memory at a defined time (autograd.ts). A tensor that is dropped without being released is freed, late, by the
// garbage collector: a safety net, not the rule.

import type { Device, DeviceBuffer } from "../device/device.ts";
import type { KernelParams } from "../device/kernels/registry.ts";
import { storageTypes } from "../device/storage_types.ts";
import {
  bytesOf,
  bytesPerElement,
  type DType,
  type FloatType,
  type HostArray,
  storedBytes,
  type Values,
  viewBytes,
} from "./dtype.ts";
import { checkShape, elementCount, formatShape } from "./shape.ts";

/** The shape and type of elements. */
export interface Format {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Elements on a device, shared by all tensors that view them. */
export class Memory {
  readonly buffer: DeviceBuffer;
  /** Type of the elements. */
  readonly dtype: DType;
  /** Number of elements. */
  readonly length: number;
  /** The tensor that releases the memory when it is released itself. */
  owner: object | undefined;
  /** The elements, if the host knows them: u32 elements that it wrote. */
  indices: Uint32Array | undefined;
  /** The largest of `indices`; 0 if there are none. */
  largest: number | undefined;
  #isDiscarded = false;

  /** Memory whose values are undefined until they are written. @throws {RangeError} if `shape` is invalid. */
  constructor(device: Device, { shape, dtype }: Format) {
    checkShape(shape);
    this.length = elementCount(shape);
    this.dtype = dtype;
    this.buffer = device.allocate(storedBytes(dtype, this.length));
    dropped.register(this, this.buffer, this);
  }

  /** Memory for a kernel to write; only the half word after an odd number of 16-bit elements is defined, and 0. */
  static empty(device: Device, format: Format): Memory {
    const memory = new Memory(device, format);
    const { buffer, dtype } = memory;
    const usedBytes = memory.length * bytesPerElement(dtype);
    if (usedBytes < buffer.byteLength) {
      const offset = buffer.byteLength / 4 - 1;
      device.run("fill", { out: buffer }, { offset, length: 1, value: 0 });
    }
    return memory;
  }

  /**
   * Memory with a copy of `values`, rounded to `dtype`.
   *
   * @throws {RangeError} if the number of values is not that of `shape`, or a value does not fit `dtype`.
   * @throws {TypeError} if `values` are indices and `dtype` is not u32, or the other way round.
   */
  static from(device: Device, values: Values, format: Format): Memory {
    checkLength(values, format);
    // First, as it may throw.
    const bytes = bytesOf(values, format.dtype);
    const memory = new Memory(device, format);
    memory.#write(bytes);
    return memory;
  }

  /**
   * Memory with a copy of elements in the layout of device memory: little-endian, without gaps.
   *
   * @throws {RangeError} if their number is not that of `shape`.
   */
  static fromBytes(device: Device, bytes: Uint8Array, format: Format): Memory {
    checkByteLength(bytes, format);
    const memory = new Memory(device, format);
    memory.#write(bytes);
    return memory;
  }

  /** Releases the memory if `tensor` is its owner. */
  release(tensor: object): void {
    if (this.owner !== tensor) return;
    dropped.unregister(this);
    this.buffer[Symbol.dispose]();
  }

  /** Whether it was released because nothing would read it. */
  get isDiscarded(): boolean {
    return this.#isDiscarded;
  }

  /** Releases the memory, whoever owns it, as nothing will read it. */
  discard(): void {
    this.#isDiscarded = true;
    dropped.unregister(this);
    this.buffer[Symbol.dispose]();
  }

  /** Overwrites all elements; throws as {@linkcode Memory.from}. */
  write(values: Values, shape: readonly number[]): void {
    checkLength(values, { shape, dtype: this.dtype });
    this.#write(bytesOf(values, this.dtype));
  }

  /** Overwrites all elements with bytes in the layout of device memory; throws as {@linkcode Memory.fromBytes}. */
  writeBytes(bytes: Uint8Array, shape: readonly number[]): void {
    checkByteLength(bytes, { shape, dtype: this.dtype });
    this.#write(bytes);
  }

  /**
   * Overwrites elements from `begin` on with bytes of elements of type `dtype`, rounded to this one. Parts of 16-bit elements that are
   * no whole words are copied on the device, as a word's other half may belong to another part.
   *
   * @throws {RangeError} if they do not fit.
   */
  writePart(
    bytes: Uint8Array,
    { dtype, begin }: { readonly dtype: FloatType; readonly begin: number },
  ): void {
    const count = bytes.byteLength / bytesPerElement(dtype);
    const end = begin + count;
    if (end > this.length) {
      throw new RangeError(`Cannot write elements ${begin} to ${end} of ${this.length}`);
    }
    const { device } = this.buffer;
    const areWords = bytesPerElement(dtype) === 4 ||
      begin % 2 === 0 && (count % 2 === 0 || end === this.length);
    if (dtype === this.dtype && areWords) {
      const offset = begin * bytesPerElement(dtype);
      device.write(this.buffer, inWholeWords(bytes, storedBytes(dtype, count)), offset);
      return;
    }
    const part = Memory.fromBytes(device, bytes, { shape: [count], dtype });
    const cast = { ...castOf(part, this), toOffset: begin, length: count };
    device.run("cast", { x: part.buffer, out: this.buffer }, cast);
    part.buffer[Symbol.dispose]();
  }

  /** Copies all elements to the host, in the layout of device memory. */
  async read(): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.buffer.device.read(this.buffer);
    return bytes.subarray(0, this.length * bytesPerElement(this.dtype));
  }

  /** The first `count` elements, or all if there are fewer; undefined if the device must be waited for. */
  first(count: number): HostArray<DType> | undefined {
    const { indices, dtype, buffer } = this;
    if (indices !== undefined) return indices.slice(0, count);
    const length = Math.min(count, this.length);
    const byteLength = storedBytes(dtype, length);
    const bytes = buffer.device.readSync?.(buffer, { byteOffset: 0, byteLength });
    return bytes && viewBytes(bytes.subarray(0, length * bytesPerElement(dtype)), dtype);
  }

  /** Memory with the same numbers in another type: rounded to the nearest, ties to even. */
  copyAs(dtype: FloatType): Memory {
    const { device } = this.buffer;
    const copy = Memory.empty(device, { shape: [this.length], dtype });
    device.run("cast", { x: this.buffer, out: copy.buffer }, castOf(this, copy));
    return copy;
  }

  /** this += other, elementwise, summed in f32 and rounded to this type. Both have the same length. */
  accumulate(other: Memory): void {
    const { device } = this.buffer;
    const operands = { x: other.buffer, out: this.buffer };
    if (this.dtype === "f32" && other.dtype === "f32") {
      device.run("accumulate", operands, { length: this.length, factor: 1 });
    } else {
      device.run("accumulate_cast", operands, castOf(other, this));
    }
  }

  /** Writes the bytes of all elements. */
  #write(bytes: Uint8Array): void {
    if (this.dtype === "u32") {
      // A copy, as the caller owns `bytes`, and aligned to 4 bytes.
      this.indices = new Uint32Array(bytes.slice().buffer);
      this.largest = this.indices.reduce((largest, index) => Math.max(largest, index), 0);
    }
    const { buffer } = this;
    buffer.device.write(buffer, inWholeWords(bytes, buffer.byteLength));
  }
}

/** Parameters that cast all of one memory to all of another; u32 is no storage type, which the device refuses. */
function castOf(from: Memory, to: Memory): KernelParams<"cast"> {
  return {
    fromType: storageTypes[from.dtype as FloatType],
    toType: storageTypes[to.dtype as FloatType],
    fromOffset: 0,
    toOffset: 0,
    length: to.length,
  };
}

function checkLength(values: Values, { shape }: Format): void {
  const wanted = elementCount(shape);
  if (values.length !== wanted) {
    throw new RangeError(
      `A tensor of shape ${formatShape(shape)} wants ${wanted} values, got ${values.length}`,
    );
  }
}

function checkByteLength(bytes: Uint8Array, { shape, dtype }: Format): void {
  const wanted = elementCount(shape) * bytesPerElement(dtype);
  if (bytes.byteLength !== wanted) {
    throw new RangeError(
      `A ${dtype} tensor of shape ${
        formatShape(shape)
      } wants ${wanted} bytes, got ${bytes.byteLength}`,
    );
  }
}

/** `bytes`, padded with zeros to `byteLength`. */
function inWholeWords(bytes: Uint8Array, byteLength: number): Uint8Array {
  if (bytes.byteLength === byteLength) return bytes;
  const padded = new Uint8Array(byteLength);
  padded.set(bytes);
  return padded;
}

const dropped = new FinalizationRegistry<DeviceBuffer>((buffer) => buffer[Symbol.dispose]());
