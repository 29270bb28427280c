// The rate at which the GPU that WebGPU prefers multiplies and adds: 8 vectors of 4 f32 in registers of every invocation. As the first
// call's fixed costs must not count, a long run less a short one is timed.

import { findAdapter, openAdapter } from "../../src/device/webgpu/adapter.ts";

/** 10^9 operations per second, the best of several runs. @throws {Error} if there is no adapter */
export async function webGpuLimit(): Promise<number> {
  const adapter = await findAdapter();
  if (adapter === null) throw new Error("no WebGPU adapter was found");
  const device = await openAdapter(adapter);
  try {
    return await measure(device);
  } finally {
    device.destroy();
  }
}

async function measure(device: GPUDevice): Promise<number> {
  const module = device.createShaderModule({ code: SHADER });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const out = device.createBuffer({ size: 4 * INVOCATIONS, usage });
  const rounds = device.createBuffer({ size: 4, usage });
  const layout = pipeline.getBindGroupLayout(0);
  const entries = [out, rounds].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ layout, entries });
  const time = async (count: number) => {
    device.queue.writeBuffer(rounds, 0, Uint32Array.of(count));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(INVOCATIONS / WORKGROUP);
    pass.end();
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  // Long enough for what is measured to outweigh the 10 ms that Deno sleeps.
  let count = 64;
  while (await time(count) < LEAST_MS) count *= 2;
  let best = Infinity;
  for (let turn = 0; turn < TURNS; turn++) {
    const short = await time(count);
    best = Math.min(best, await time(3 * count) - short);
  }
  return INVOCATIONS * 2 * count * VECTORS * 4 * 2 / best / 1e6;
}

const VECTORS = 8;
const WORKGROUP = 64;
const INVOCATIONS = WORKGROUP * 4096;
const LEAST_MS = 100;
const TURNS = 3;

const names = Array.from({ length: VECTORS }, (_, k) => `a${k}`);
const SHADER = `
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> rounds: array<u32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = vec4f(0.999);
  let y = vec4f(0.001 * f32(id.x & 7u));
  ${names.map((name, k) => `var ${name} = vec4f(${k}.0);`).join("\n  ")}
  for (var i = 0u; i < rounds[0]; i++) {
    ${names.map((name) => `${name} = fma(${name}, x, y);`).join("\n    ")}
  }
  out[id.x] = dot(${names.join(" + ")}, vec4f(1.0));
}
`;
