// Compute pipelines and bind groups, each made once. A new bind group costs 16 us of the host's time and a cached one
// 2 us, so a training step, which takes the same buffers from the pool again and again, finds its bind groups here.
//
// Bindings of every kernel: 0 the parameters (uniform, dynamic offset), then its operands in the order of kernels.ts, then
// scratch memory where its plan asks for some.

import { type GpuMemory, PARAMS_SIZE } from "./command_recorder.ts";
import { type KernelName, kernels } from "../kernels.ts";
import type { Plan, Stage } from "../wgsl_stages.ts";
import { wgslSources } from "../wgsl_generated.ts";

/** Makes and keeps the pipelines and bind groups of one device. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #paramsBuffer: GPUBuffer;
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #layouts = new Map<KernelName, Layouts>();
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #bindGroups = new Map<string, { group: GPUBindGroup; memories: readonly GpuMemory[] }>();

  constructor(device: GPUDevice, paramsBuffer: GPUBuffer) {
    this.#device = device;
    this.#paramsBuffer = paramsBuffer;
  }

  /** The pipeline of one stage of `kernel`. */
  pipeline(kernel: KernelName, plan: Plan, stage: Stage): GPUComputePipeline {
    const constants = plan.constants ?? {};
    const key = `${kernel} ${plan.source} ${stage.entryPoint} ${Object.values(constants)}`;
    let pipeline = this.#pipelines.get(key);
    if (pipeline === undefined) {
      pipeline = this.#device.createComputePipeline({
        label: key,
        layout: this.#layoutsOf(kernel, plan).pipeline,
        compute: { module: this.#module(plan.source), entryPoint: stage.entryPoint, constants },
      });
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  /** The bind group of `kernel` over `memories`: its operands in order, then scratch if the plan asks for some. */
  bindGroup(kernel: KernelName, plan: Plan, memories: readonly GpuMemory[]): GPUBindGroup {
    let key: string = kernel;
    for (const { id } of memories) key += ` ${id}`;
    const kept = this.#bindGroups.get(key);
    if (kept !== undefined) return kept.group;
    const group = this.#device.createBindGroup({
      label: kernel,
      layout: this.#layoutsOf(kernel, plan).bindGroup,
      entries: [
        { binding: 0, resource: { buffer: this.#paramsBuffer, size: PARAMS_SIZE } },
        ...memories.map(({ gpu }, i) => ({ binding: i + 1, resource: { buffer: gpu } })),
      ],
    });
    if (this.#bindGroups.size >= MAX_BIND_GROUPS) {
      const [oldest] = this.#bindGroups.keys();
      this.#bindGroups.delete(oldest);
    }
    this.#bindGroups.set(key, { group, memories });
    return group;
  }

  /** Forgets the bind groups over `memory`, which is about to be destroyed. */
  forget(memory: GpuMemory): void {
    for (const [key, { memories }] of this.#bindGroups) {
      if (memories.includes(memory)) this.#bindGroups.delete(key);
    }
  }

  #layoutsOf(kernel: KernelName, plan: Plan): Layouts {
    let layouts = this.#layouts.get(kernel);
    if (layouts === undefined) {
      const accesses: string[] = Object.values(kernels[kernel].bindings);
      if (plan.scratchLength !== undefined) accesses.push("write");
      const bindGroup = this.#device.createBindGroupLayout({
        label: kernel,
        entries: [
          {
            binding: 0,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: PARAMS_SIZE },
          },
          ...accesses.map((access, i) => ({
            binding: i + 1,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: access === "read" ? "read-only-storage" : "storage" } as const,
          })),
        ],
      });
      const pipeline = this.#device.createPipelineLayout({ bindGroupLayouts: [bindGroup] });
      layouts = { bindGroup, pipeline };
      this.#layouts.set(kernel, layouts);
    }
    return layouts;
  }

  #module(source: Plan["source"]): GPUShaderModule {
    let module = this.#modules.get(source);
    if (module === undefined) {
      module = this.#device.createShaderModule({ label: source, code: wgslSources[source] });
      this.#modules.set(source, module);
    }
    return module;
  }
}

interface Layouts {
  readonly bindGroup: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

const MAX_BIND_GROUPS = 16384;
