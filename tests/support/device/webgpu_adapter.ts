// Tests that need a WebGPU adapter, a software one too: skipped, with the reason in the test's name, where there is
// none; a failure there when REQUIRE_WEBGPU=1 (set in CI), so that the kernels can never go untested unnoticed.

import { abandonedMapsSettled } from "../../../src/device/webgpu/readback.ts";

const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }) ??
  null;

/** True where `requestDevice({ kind: "webgpu" })` finds an adapter. */
const hasWebGpuAdapter = adapter !== null;

/** Registers a test that needs a WebGPU adapter; see the head of this file for what happens where there is none. */
export function webgpuTest(
  name: string,
  fn: (context: Deno.TestContext) => void | Promise<void>,
): void {
  if (hasWebGpuAdapter) {
    Deno.test(name, async (context) => {
      try {
        await fn(context);
      } finally {
        await abandonedMapsSettled();
      }
    });
  } else if (Deno.env.get("REQUIRE_WEBGPU") === "1") {
    Deno.test(name, () => {
      throw new Error(
        "Wanted a WebGPU adapter as REQUIRE_WEBGPU is 1 and found none: install a Vulkan driver " +
          "(on Debian a software one: apt-get install mesa-vulkan-drivers libvulkan1)",
      );
    });
  } else {
    Deno.test.ignore(`${name} [skipped: no WebGPU adapter]`, fn);
  }
}
