// Every dispatch of every kernel on WebGPU, on GPUs and on software adapters.

import type { Kernel, Shader, Stage } from "../../../src/device/kernels/kernel.ts";
import { type KernelName, kernelNamed, kernels } from "../../../src/device/kernels/registry.ts";

/** One stage, and what it belongs to. */
export interface ShaderStage {
  readonly name: KernelName;
  readonly kernel: Kernel<string, string>;
  readonly shader: Shader<string, string>;
  readonly stage: Stage<string, string>;
}

/** All stages of all kernels. */
export function shaderStages(): ShaderStage[] {
  return (Object.keys(kernels) as KernelName[]).flatMap((name) => {
    const kernel = kernelNamed(name);
    const shaders = [kernel.shader, kernel.softwareShader ?? []].flat();
    return shaders.flatMap((shader) =>
      shader.stages.map((stage) => ({ name, kernel, shader, stage }))
    );
  });
}
