// Chooses the device to compute on: a real GPU where there is one, else the CPU through WASM SIMD. A software GPU (llvmpipe,
// SwiftShader) is slower than WASM on the same CPU, so it is taken only when `webgpu` is asked for by name.

import type { Device, DeviceKind } from "./device.ts";
import { wasmDevice } from "./wasm/device.ts";
import { openWebGpuDevice } from "./webgpu/device.ts";
import { adapterName, findAdapter, isSoftwareAdapter } from "./webgpu/adapter.ts";

/**
 * Options of {@linkcode requestDevice}.
 *
 * @category Devices
 */
export interface RequestDeviceOptions {
  /** Take this kind or fail. Without it: `webgpu` on a real GPU, else `wasm`. */
  readonly kind?: DeviceKind | undefined;
}

/**
 * The kind of device that was asked for is not available on this machine; the message says what to do.
 *
 * @category Devices
 *
 * @example
 * ```ts
 * import { DeviceUnavailableError, requestDevice } from "@meshfactor/adafactor";
 *
 * try {
 *   using device = await requestDevice({ kind: "webgpu" });
 *   console.log(device.description);
 * } catch (error) {
 *   if (!(error instanceof DeviceUnavailableError)) throw error;
 *   console.log(error.message);
 * }
 * ```
 */
export class DeviceUnavailableError extends Error {
  /** "DeviceUnavailableError" */
  override name = "DeviceUnavailableError";
}

/**
 * Opens a compute device; `device.description` says in one line which one was taken and why.
 *
 * @category Devices
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice(); // a real GPU if there is one, else the CPU
 * using x = Tensor.from(device, [1, 2], { shape: [2] });
 * assert.deepEqual(await x.data(), new Float32Array([1, 2]));
 * ```
 *
 * @throws {TypeError} if there is no such kind.
 * @throws {DeviceUnavailableError} if `webgpu` is asked for and there is no adapter, or it cannot be opened.
 */
export async function requestDevice(options: RequestDeviceOptions = {}): Promise<Device> {
  const { kind } = options;
  if (kind !== undefined && kind !== "wasm" && kind !== "webgpu") {
    throw new TypeError(`Wanted a device of kind "wasm" or "webgpu", got "${kind}"`);
  }
  if (kind === "wasm") return wasmDevice("asked for by name");
  const adapter = await findAdapter();
  if (kind === "webgpu") {
    if (adapter === null) throw new DeviceUnavailableError(NO_ADAPTER);
    return await openWebGpu(adapter, "asked for by name");
  }
  if (adapter === null) return wasmDevice("no GPU adapter found");
  if (isSoftwareAdapter(adapter.info)) {
    return wasmDevice(`only a software GPU found, ${adapterName(adapter.info)}`);
  }
  return await openWebGpu(adapter, "a GPU was found");
}

async function openWebGpu(adapter: GPUAdapter, reason: string): Promise<Device> {
  try {
    return await openWebGpuDevice(adapter, reason);
  } catch (cause) {
    throw new DeviceUnavailableError(
      `The GPU "${adapterName(adapter.info)}" was found but cannot be opened (${cause}): ` +
        'update its driver, or ask for the device "wasm"',
      { cause },
    );
  }
}

const NO_ADAPTER =
  'Wanted a "webgpu" device and found no WebGPU adapter. On Debian or Ubuntu install a Vulkan driver: ' +
  "for AMD, Intel or none (software) apt-get install mesa-vulkan-drivers libvulkan1; for NVIDIA the NVIDIA driver and " +
  'libvulkan1 (in a container with NVIDIA_DRIVER_CAPABILITIES=graphics,compute,utility). Or ask for "wasm", which needs none';
