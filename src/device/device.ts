// One compute device: memory, and kernels called by name. It knows nothing of networks, shapes and gradients.
//
// Imports of src/device: nothing from the rest of src. kernels/ has the registry of kernels, webgpu/ the WebGPU device.
//
// Guarantees, whatever the device:
// - Calls take effect in the order in which they are made: a `read` sees every `write`, `copy` and `run` before it,
//   and a buffer that is released and allocated again is never seen changing by a kernel that was called earlier.
// - `run` and `write` return before the work is done where `runsInBackground`; nothing but `read` waits for it.
// - A failure of the device (validation, out of memory, device lost) throws from this call or from the next one.

import type { KernelName, KernelParams, kernels } from "./kernels/registry.ts";

/**
 * The kind of a device: Deno's own WebGPU, or the CPU through WASM SIMD.
 *
 * @category Devices
 */
export type DeviceKind = "webgpu" | "wasm";

/**
 * Memory of one device. Contents are undefined until written. Disposing it gives the memory back to the pool.
 *
 * @category Devices
 */
export interface DeviceBuffer extends Disposable {
  /** The device that owns the memory. */
  readonly device: Device;
  /** Usable size in bytes, as asked for in {@linkcode Device.allocate}. */
  readonly byteLength: number;
  /** True once disposed; every use after that throws. Disposing twice is harmless. */
  readonly released: boolean;
  /**
   * How often its contents were written: by `write`, by `copy`, as a kernel's operand, and by those who write memory whose address a
   * kernel finds elsewhere, who add to it themselves.
   */
  numWrites: number;
}

/**
 * Buffers to bind, by operand name.
 *
 * @category Devices
 */
export type KernelBindings<K extends KernelName> = {
  readonly [Operand in keyof (typeof kernels)[K]["operands"]]: DeviceBuffer;
};

/**
 * Counts of what a device holds and has done, for tests and logs.
 *
 * @category Devices
 */
export interface DeviceStatistics {
  /** Bytes in buffers that are in use. */
  readonly liveBytes: number;
  /** The largest value of `liveBytes` since the device was made. */
  readonly peakBytes: number;
  /** Bytes kept in the pool for reuse. */
  readonly pooledBytes: number;
  /** Kernels run since the device was made. */
  readonly kernelsRun: number;
}

/**
 * A compute device. Made by `requestDevice()`.
 *
 * @category Devices
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { requestDevice } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = device.allocate(8);
 * using out = device.allocate(8);
 * device.write(a, new Float32Array([1, 2]));
 * device.run("scale", { x: a, out }, { length: 2, factor: 2 }); // a kernel: out = factor x
 * const bytes = await device.read(out);
 * assert.deepEqual(new Float32Array(bytes.buffer), new Float32Array([2, 4]));
 * assert.ok(device.statistics().kernelsRun >= 1);
 * ```
 */
export interface Device extends Disposable {
  /** Its kind. */
  readonly kind: DeviceKind;
  /** A description for logs: adapter and driver, or the CPU path. */
  readonly description: string;
  /** True where `run` returns before the kernel has finished, so that the host can do other things meanwhile. */
  readonly runsInBackground: boolean;
  /** A small buffer of zeros to bind where a kernel's operand is absent (a bias with `biasLength` 0). Never disposed. */
  readonly empty: DeviceBuffer;
  /** Takes `byteLength` bytes (0 is allowed) from the pool or the system. Contents are undefined. */
  allocate(byteLength: number): DeviceBuffer;
  /** Copies host data into `buffer` at `byteOffset` (a multiple of 4, as is the data's length). */
  write(
    buffer: DeviceBuffer,
    data: Float32Array | Uint32Array | Uint8Array,
    byteOffset?: number,
  ): void;
  /** Copies `byteLength` bytes from `byteOffset` (both multiples of 4) to the host; the array is the caller's. */
  read(
    buffer: DeviceBuffer,
    range?: { byteOffset?: number; byteLength?: number },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** As `read`, at once, on devices that have finished when `run` returns; undefined on others. */
  readonly readSync?:
    | ((
      buffer: DeviceBuffer,
      range?: { byteOffset?: number; byteLength?: number },
    ) => Uint8Array<ArrayBuffer>)
    | undefined;
  /** Copies between two different buffers of this device; offsets and length are multiples of 4. */
  copy(
    from: DeviceBuffer,
    fromOffset: number,
    to: DeviceBuffer,
    toOffset: number,
    byteLength: number,
  ): void;
  /** Runs one kernel. A buffer bound for writing must not be bound twice in one call. */
  run<K extends KernelName>(kernel: K, bindings: KernelBindings<K>, params: KernelParams<K>): void;
  /** Counts of memory and kernels so far. */
  statistics(): DeviceStatistics;
}
