// A WebGPU device's buffers: GPU memory from the pool, returned when the buffer is disposed.

import type { GpuMemory } from "./command_recorder.ts";
import type { Device, DeviceBuffer } from "../device.ts";

/** Memory taken from a device's pool. */
export class WebGpuBuffer implements DeviceBuffer {
  readonly device: Device;
  readonly byteLength: number;
  /** Its GPU memory, which may be larger. */
  readonly memory: GpuMemory;
  numWrites = 0;
  #release: (() => void) | undefined;

  constructor(
    device: Device,
    byteLength: number,
    options: { memory: GpuMemory; release: () => void },
  ) {
    this.device = device;
    this.byteLength = byteLength;
    this.memory = options.memory;
    this.#release = options.release;
  }

  get released(): boolean {
    return this.#release === undefined;
  }

  [Symbol.dispose](): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }
}

/** `device.empty`: disposing it does nothing. */
export class PermanentBuffer extends WebGpuBuffer {
  override [Symbol.dispose](): void {}
}

/** @throws {RangeError} unless both numbers are multiples of 4 and the range is within the buffer. */
export function checkRange(
  buffer: DeviceBuffer,
  range: { byteOffset: number; byteLength: number; verb: string },
): void {
  const { byteOffset, byteLength, verb } = range;
  if (byteOffset % 4 !== 0 || byteLength % 4 !== 0) {
    throw new RangeError(
      `Cannot ${verb} ${byteLength} bytes at ${byteOffset}: both must be multiples of 4`,
    );
  }
  if (!(byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= buffer.byteLength)) {
    throw new RangeError(
      `Cannot ${verb} ${byteLength} bytes at ${byteOffset} of a buffer of ${buffer.byteLength} bytes`,
    );
  }
}
