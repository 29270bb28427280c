// Which device to compute on: a real GPU where there is one, else the CPU through WASM SIMD. A software GPU (llvmpipe,
// SwiftShader) is slower than WASM on the same CPU, so it is taken only when `webgpu` is asked for by name.

import type { Device, DeviceKind } from "./device.ts";

/** Options of {@linkcode requestDevice}. */
export interface RequestDeviceOptions {
  /** Take this kind or fail. Without it: `webgpu` on a real GPU, else `wasm`. */
  readonly kind?: DeviceKind | undefined;
}

/** The kind of device that was asked for cannot be had on this machine; the message says what to do. */
export class DeviceUnavailableError extends Error {
  override name = "DeviceUnavailableError";
}

/**
 * Opens a compute device; `device.description` says which one was taken and why.
 *
 * @throws {DeviceUnavailableError} if the `kind` asked for is not there.
 */
export function requestDevice(options: RequestDeviceOptions = {}): Promise<Device> {
  return Promise.reject(
    new DeviceUnavailableError(`No device of kind ${options.kind ?? "any"} is built yet`),
  );
}
