/**
 * Compute devices: the CPU by WebAssembly SIMD, or a GPU by WebGPU, behind one interface.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { requestDevice } from "@meshfactor/adafactor/device";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using buffer = device.allocate(8);
 * device.write(buffer, new Float32Array([1, 2]));
 * const bytes = await device.read(buffer);
 * assert.deepEqual(new Float32Array(bytes.buffer), new Float32Array([1, 2]));
 * ```
 *
 * @module
 */

export type { KernelName, KernelParams, kernels } from "./kernels/registry.ts";
export type {
  Device,
  DeviceBuffer,
  DeviceKind,
  DeviceStatistics,
  KernelBindings,
} from "./device.ts";
export {
  DeviceUnavailableError,
  requestDevice,
  type RequestDeviceOptions,
} from "./request_device.ts";
