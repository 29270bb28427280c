// The choice of a device. A child process whose Vulkan loader finds no driver stands in for a machine without an adapter; a
// real GPU cannot be simulated, so the expected choice depends on what the machine has.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { requestDevice } from "../../src/device/request_device.ts";
import { findAdapter, isSoftwareAdapter } from "../../src/device/webgpu/adapter.ts";
import { webgpuTest } from "../support/device/webgpu_adapter.ts";

Deno.test("requestDevice() takes a real GPU where there is one, else the CPU, and says why", async () => {
  using device = await requestDevice();
  const adapter = await findAdapter();
  if (adapter !== null && !isSoftwareAdapter(adapter.info)) {
    assert.equal(device.kind, "webgpu");
    assert.match(device.description, /^webgpu: .+: a GPU was found$/);
  } else {
    assert.equal(device.kind, "wasm");
    assert.match(device.description, /^wasm: CPU.*: (no GPU adapter|only a software GPU) found/);
  }
});

Deno.test('requestDevice({ kind: "wasm" }) takes the CPU by name', async () => {
  using device = await requestDevice({ kind: "wasm" });
  assert.equal(device.kind, "wasm");
  assert.match(device.description, /^wasm: .*: asked for by name$/);
});

webgpuTest('requestDevice({ kind: "webgpu" }) takes any adapter, a software one too', async () => {
  using device = await requestDevice({ kind: "webgpu" });
  assert.equal(device.kind, "webgpu");
  assert.equal(device.runsInBackground, true);
  const { description } = (await findAdapter())!.info;
  assert.equal(device.description, `webgpu: ${description}: asked for by name`);
});

Deno.test("without an adapter requestDevice() takes the CPU and says that none was found", async () => {
  assert.deepEqual(await requestWithoutAdapter("undefined"), {
    taken: "wasm: CPU, 128-bit SIMD, one thread: no GPU adapter found",
  });
});

Deno.test('without an adapter requestDevice({ kind: "webgpu" }) says how to get one', async () => {
  const { error } = await requestWithoutAdapter('"webgpu"');
  assert.match(
    error!,
    /^DeviceUnavailableError: Wanted a "webgpu" device and found no WebGPU adapter/,
  );
  assert.match(error!, /apt-get install mesa-vulkan-drivers libvulkan1/);
  assert.match(error!, /NVIDIA/);
});

/** The device or the error of a process that asks for `kind` on a machine without a Vulkan driver. */
async function requestWithoutAdapter(kind: string): Promise<{ taken?: string; error?: string }> {
  const module = new URL("../../src/device/request_device.ts", import.meta.url).href;
  const program = `
    import { requestDevice } from ${JSON.stringify(module)};
    try {
      using device = await requestDevice({ kind: ${kind} });
      console.log(JSON.stringify({ taken: device.description }));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error) }));
    }`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", program],
    cwd: fileURLToPath(new URL("../../", import.meta.url)),
    env: {
      DENO_WEBGPU_BACKEND: "vulkan", // else OpenGL's software renderer is found
      VK_DRIVER_FILES: "/nonexistent",
      VK_ICD_FILENAMES: "/nonexistent",
    },
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  return JSON.parse(decoder.decode(stdout));
}

Deno.test("a kind of device that does not exist is refused", async () => {
  const kind = "cuda" as "wasm";
  await assert.rejects(requestDevice({ kind }), {
    name: "TypeError",
    message: 'Wanted a device of kind "wasm" or "webgpu", got "cuda"',
  });
});
