// Registers one test per device: wasm always, webgpu by the rules of webgpu_adapter.ts.

import type { Device } from "../../../src/device/device.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import { webgpuTest } from "./webgpu_adapter.ts";

/** Runs `fn` as the test "`name` (wasm)" and "`name` (webgpu)", each on a device of its own. */
export function testOnEachDevice(
  name: string,
  fn: (device: Device, test: Deno.TestContext) => Promise<void>,
): void {
  Deno.test(`${name} (wasm)`, async (test) => {
    using device = await requestDevice({ kind: "wasm" });
    await fn(device, test);
  });
  webgpuTest(`${name} (webgpu)`, async (test) => {
    using device = await requestDevice({ kind: "webgpu" });
    await fn(device, test);
  });
}
