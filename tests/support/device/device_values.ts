// Host arrays to a device and back.

import type { Device, DeviceBuffer } from "../../../src/device/device.ts";

/** A new buffer that holds `data`. */
export function upload(device: Device, data: Float32Array): DeviceBuffer {
  const buffer = device.allocate(data.byteLength);
  device.write(buffer, data);
  return buffer;
}

/** All of a buffer. */
export async function download(device: Device, buffer: DeviceBuffer): Promise<Float32Array> {
  return new Float32Array((await device.read(buffer)).buffer);
}

/** Numbers from -1 to 1, the same in every run. */
export function wave(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(seed * 100 + i * 1.7));
}
