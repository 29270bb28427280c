// Shaders under Tint, the WGSL compiler of Chromium: every entry point of every kernel compiles without a message there, as
// it does under naga, and binds no more buffers than WebGPU promises on every machine. Dawn's null backend needs no driver.

import assert from "node:assert/strict";
import { create } from "webgpu";
import { type KernelName, kernelNamed, kernels } from "../../../src/device/kernels/registry.ts";
import { Pipelines } from "../../../src/device/webgpu/pipelines.ts";

/** With compilation messages, which Deno's types of WebGPU lack. */
interface TintDevice extends GPUDevice {
  createShaderModule(descriptor: { code: string }): GPUShaderModule & {
    getCompilationInfo(): Promise<{ messages: readonly Message[] }>;
  };
}

interface Message {
  readonly type: string;
  readonly lineNum: number;
  readonly message: string;
}

/** WebGPU's default limit maxStorageBuffersPerShaderStage, which every adapter has. */
const MAX_STORAGE_BUFFERS = 8;

// Kept, as devices of an instance that the garbage collector has freed crash.
const dawn = create(["backend=null"]);
const device = await openTint();

for (const name of Object.keys(kernels) as KernelName[]) {
  Deno.test(`the shaders of ${name} compile under Tint and bind at most 8 storage buffers`, async () => {
    for (const software of [false, true]) {
      const pipelines = new Pipelines(device, { paramsBuffer: device as never, software });
      const { shader, stages } = await failingOnErrors(() => pipelines.shader(name));
      for (const stage of stages) {
        assert.deepEqual(await messagesOf(stage.code), [], stage.stage.source);
        assert.ok(stage.binds.length <= MAX_STORAGE_BUFFERS, `${stage.label}: ${stage.binds}`);
        for (const params of paramsOfAllShaders(name)) {
          await failingOnErrors(() => pipelines.pipeline(stage, shader.constants?.(params)));
        }
      }
    }
  });
}

Deno.test("a broken shader, one with a barrier in divergent flow, and a ninth buffer are found", async () => {
  const divergent =
    `@compute @workgroup_size(2) fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) { workgroupBarrier(); }
}`;
  const broken = "@compute @workgroup_size(1) fn main() { let x: u32 = 1.5; }";
  assert.match((await messagesOf(broken)).join(), /^error 1: cannot convert/);
  assert.match((await messagesOf(divergent)).join(), /uniform control flow/);
  const nine = Array.from({ length: 9 }, (_, binding) => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: "storage" } as const,
  }));
  await assert.rejects(
    failingOnErrors(() => device.createBindGroupLayout({ entries: nine })),
    /storage buffers .* exceeds|exceeds .*storage buffers/i,
  );
});

async function openTint(): Promise<TintDevice> {
  const adapter = await dawn.requestAdapter();
  assert.ok(adapter, "Dawn's null backend gives no adapter");
  const device = await adapter.requestDevice() as unknown as TintDevice;
  assert.equal(device.limits.maxStorageBuffersPerShaderStage, MAX_STORAGE_BUFFERS);
  return device;
}

/** Tint's messages on a text: errors, warnings and notes. */
async function messagesOf(code: string): Promise<string[]> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  await device.popErrorScope();
  return messages.map(({ type, lineNum, message }) => `${type} ${lineNum}: ${message}`);
}

/** @throws {Error} if Dawn reports an error in `work` */
async function failingOnErrors<T>(work: () => T): Promise<T> {
  device.pushErrorScope("validation");
  const result = work();
  const error = await device.popErrorScope();
  if (error !== null) throw new Error(error.message);
  return result;
}

/** Parameters that give every value of the constants for which shaders are compiled. */
function paramsOfAllShaders(name: KernelName): Record<string, number>[] {
  const all = (value: number) =>
    Object.fromEntries(Object.keys(kernelNamed(name).params).map((param) => [param, value]));
  // Storage types, flags, and rows that are short and long.
  return [all(0), all(1), all(2), { ...all(1), cols: 5000, valueDim: 5000 }];
}
