// Compute pipelines and bind groups, each made once. A new bind group costs 16 us of the host's time and a cached one
// 2 us, so a training step, which takes the same buffers from the pool again and again, finds its bind groups here.
//
// Bindings of every kernel: 0 the parameters (uniform, dynamic offset), then its operands in the order of its entry, then
// scratch memory where it has some. A stage's layout has those that the stage binds.

import { type GpuMemory, PARAMS_SIZE } from "./command_recorder.ts";
import type { Shader, Stage } from "../kernels/kernel.ts";
import { type KernelName, kernelNamed } from "../kernels/registry.ts";
import { composeShader } from "./wgsl_composer.ts";

/** A kernel's shader, made ready for one device. */
export interface PreparedShader {
  readonly shader: Shader<string, string>;
  /** Names of the operands, in order. */
  readonly operands: readonly string[];
  readonly stages: readonly PreparedStage[];
}

/** One stage, and the pipelines and layouts made for it. */
export interface PreparedStage {
  readonly stage: Stage<string, string>;
  /** Its text; modules with the same text are one. */
  readonly code: string;
  /** Names the kernel and what is bound. */
  readonly label: string;
  /** The kernel's memories that are bound: operands by number, then scratch. */
  readonly binds: readonly number[];
  readonly layout: GPUBindGroupLayout;
  readonly pipelineLayout: GPUPipelineLayout;
  /** By the values of the constants. */
  readonly pipelines: Map<string, GPUComputePipeline>;
}

/** Makes and keeps the pipelines and bind groups of one device. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #software: boolean;
  readonly #paramsBuffer: GPUBuffer;
  readonly #shaders = new Map<KernelName, PreparedShader>();
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #bindGroups = new Map<string, { group: GPUBindGroup; memories: readonly GpuMemory[] }>();

  /** `software`: the adapter runs on the CPU. */
  constructor(
    device: GPUDevice,
    options: { readonly paramsBuffer: GPUBuffer; readonly software: boolean },
  ) {
    this.#device = device;
    this.#paramsBuffer = options.paramsBuffer;
    this.#software = options.software;
  }

  /** The shader that this device runs for `kernel`. */
  shader(kernel: KernelName): PreparedShader {
    let prepared = this.#shaders.get(kernel);
    if (prepared === undefined) {
      prepared = this.#prepare(kernel);
      this.#shaders.set(kernel, prepared);
    }
    return prepared;
  }

  /** The pipeline of a stage, compiled for `constants`. */
  pipeline(
    { stage, code, label, pipelines, pipelineLayout }: PreparedStage,
    constants: Readonly<Record<string, number>> | undefined,
  ): GPUComputePipeline {
    const key = constants === undefined ? "" : Object.values(constants).join(" ");
    let pipeline = pipelines.get(key);
    if (pipeline === undefined) {
      pipeline = this.#device.createComputePipeline({
        label: `${label} ${stage.source} ${stage.entryPoint} ${key}`,
        layout: pipelineLayout,
        compute: {
          module: this.#module(code),
          entryPoint: stage.entryPoint,
          constants: constants ?? {},
        },
      });
      pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  /** The bind group of a stage over a kernel's `memories`: its operands in order, then scratch if it has some. */
  bindGroup(
    { label, binds, layout }: PreparedStage,
    memories: readonly GpuMemory[],
  ): GPUBindGroup {
    let key = label;
    for (const number of binds) key += ` ${memories[number]!.id}`;
    const kept = this.#bindGroups.get(key);
    if (kept !== undefined) return kept.group;
    const group = this.#device.createBindGroup({
      label,
      layout,
      entries: [
        { binding: 0, resource: { buffer: this.#paramsBuffer, size: PARAMS_SIZE } },
        ...binds.map((number) => ({
          binding: number + 1,
          resource: { buffer: memories[number]!.gpu },
        })),
      ],
    });
    if (this.#bindGroups.size >= MAX_BIND_GROUPS) {
      const [oldest] = this.#bindGroups.keys();
      this.#bindGroups.delete(oldest!);
    }
    this.#bindGroups.set(key, { group, memories: binds.map((number) => memories[number]!) });
    return group;
  }

  /** Forgets the bind groups over `memory`, which is about to be destroyed. */
  forget(memory: GpuMemory): void {
    for (const [key, { memories }] of this.#bindGroups) {
      if (memories.includes(memory)) this.#bindGroups.delete(key);
    }
  }

  #prepare(name: KernelName): PreparedShader {
    const kernel = kernelNamed(name);
    const shader = this.#software ? kernel.softwareShader ?? kernel.shader : kernel.shader;
    const accesses = Object.entries(kernel.operands).map(([operand, { access }]) =>
      [operand, access] as const
    );
    if (shader.scratch !== undefined) accesses.push(["scratch", "write"]);
    const layouts = new Map<string, Layouts>();
    const stages = shader.stages.map((stage): PreparedStage => {
      const binds = accesses.keys().filter((number) =>
        stage.binds?.includes(accesses[number]![0]) ?? true
      ).toArray();
      const label = `${name} ${stage.binds ?? ""}`.trim();
      let made = layouts.get(label);
      if (made === undefined) {
        made = this.#makeLayouts(label, binds.map((number) => [number, accesses[number]![1]]));
        layouts.set(label, made);
      }
      const code = composeShader({ kernel, scratch: shader.scratch, ...stage });
      return { stage, code, label, binds, ...made, pipelines: new Map() };
    });
    return { shader, operands: Object.keys(kernel.operands), stages };
  }

  #makeLayouts(
    label: string,
    binds: readonly (readonly [number: number, access: string])[],
  ): Layouts {
    const layout = this.#device.createBindGroupLayout({
      label,
      entries: [
        {
          binding: 0,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: PARAMS_SIZE },
        },
        ...binds.map(([number, access]) => ({
          binding: number + 1,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: access === "read" ? "read-only-storage" : "storage" } as const,
        })),
      ],
    });
    const pipelineLayout = this.#device.createPipelineLayout({ bindGroupLayouts: [layout] });
    return { layout, pipelineLayout };
  }

  #module(code: string): GPUShaderModule {
    let module = this.#modules.get(code);
    if (module === undefined) {
      module = this.#device.createShaderModule({ code });
      this.#modules.set(code, module);
    }
    return module;
  }
}

interface Layouts {
  readonly layout: GPUBindGroupLayout;
  readonly pipelineLayout: GPUPipelineLayout;
}

const MAX_BIND_GROUPS = 16384;
