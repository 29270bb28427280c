// A kernel and a read of its result, as every collective of a training step does it: awaiting mapAsync, which in Deno
// sleeps 10 ms, against src/device/webgpu/readback.ts, which does not. Same adapter, same kernel, same number of bytes.
//
//   deno bench bench/readback_bench.ts

import { requestDevice } from "../src/device/request_device.ts";
import { findAdapter, openAdapter } from "../src/device/webgpu/adapter.ts";

const FILL = `
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<uniform> value: f32;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 256u + id.x;
  if (i < arrayLength(&out)) {
    out[i] = value;
  }
}`;

const adapter = await findAdapter();
if (adapter === null) console.log("reading back is left out: no WebGPU adapter was found");
else await compare(adapter);

async function compare(adapter: GPUAdapter): Promise<void> {
  const device = await requestDevice({ kind: "webgpu" });
  console.log(device.description);

  for (const byteLength of [4, 2 ** 20, 2 ** 26]) {
    const group = `fill and read ${byteLength} bytes`;
    const plain = awaiting(await openAdapter(adapter), byteLength);
    Deno.bench(`awaiting mapAsync, ${byteLength} bytes`, { group, baseline: true }, plain);

    const out = device.allocate(byteLength);
    let value = 0;
    Deno.bench(`device.read(), ${byteLength} bytes`, { group }, async () => {
      value++;
      device.run("fill", { out }, { offset: 0, length: byteLength / 4, value });
      check(await device.read(out), value);
    });
  }
}

/** The plain way: submit a copy to a staging buffer, await mapAsync, copy the range, unmap. */
function awaiting(gpu: GPUDevice, byteLength: number): () => Promise<void> {
  const source = gpu.createBuffer({
    size: byteLength,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  const staging = gpu.createBuffer({
    size: byteLength,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const value = gpu.createBuffer({
    size: 4,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  const pipeline = gpu.createComputePipeline({
    layout: "auto",
    compute: { module: gpu.createShaderModule({ code: FILL }) },
  });
  const bindGroup = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [
      { binding: 0, resource: { buffer: source } },
      { binding: 1, resource: { buffer: value } },
    ],
  });
  let round = 0;
  return async () => {
    round++;
    gpu.queue.writeBuffer(value, 0, Float32Array.of(round));
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    const workgroups = Math.ceil(byteLength / 4 / 256);
    pass.dispatchWorkgroups(Math.min(workgroups, 65535), Math.ceil(workgroups / 65535));
    pass.end();
    encoder.copyBufferToBuffer(source, 0, staging, 0, byteLength);
    gpu.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = new Uint8Array(staging.getMappedRange().slice(0));
    staging.unmap();
    check(bytes, round);
  };
}

/** A way that brings back old bytes is no way. */
function check(bytes: Uint8Array<ArrayBuffer>, value: number): void {
  const values = new Float32Array(bytes.buffer);
  if (values[0] !== value || values.at(-1) !== value) {
    throw new Error(`wanted ${value}, read ${values[0]} .. ${values.at(-1)}`);
  }
}
