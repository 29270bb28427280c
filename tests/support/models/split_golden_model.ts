// Registers the tests of a family on meshes of ranks of one process, each of which compares all results.

import type { Device } from "../../../src/device/device.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { webgpuTest } from "../device/webgpu_adapter.ts";
import { inProcessRanks } from "../distributed/in_process_ranks.ts";
import { goldenModels } from "../goldens.ts";
import { compareGradients, compareTraining } from "./golden_model.ts";
import { gatheredRun, splitRun } from "./golden_runs.ts";

/** Tensor x ZeRO. */
export const MESHES = [[2, 1], [4, 1], [2, 2]] as const;

/** On every mesh, on wasm. */
export function testSplitGolden(family: string): void {
  const folder = `${goldenModels}/${family}`;
  for (const [tensor, zero] of MESHES) {
    const what = `${family} on tensor ${tensor} x ZeRO ${zero}`;
    Deno.test(`${what}: logits, loss and every gradient are those of transformers`, async () => {
      await inProcessRanks(tensor * zero, async (world) => {
        using device = wasmDevice();
        const run = await gatheredRun(family, ProcessGroupMesh.over(world, tensor, zero));
        await compareGradients(device, { folder, run });
      });
    });
    for (const setting of ["relative", "external"] as const) {
      Deno.test(`${what}: five steps of Adafactor (${setting}) are those of transformers, without gathering logits`, async () => {
        await inProcessRanks(tensor * zero, async (world) => {
          using device = wasmDevice();
          const run = await splitRun(family, ProcessGroupMesh.over(world, tensor, zero));
          await compareTraining(device, { folder, run, setting });
        });
      });
    }
  }
}

/** Logits, loss and gradients on two ranks on webgpu. */
export function testSplitGradientsOnWebGpu(family: string): void {
  testOnWebGpu(family, "logits, loss and every gradient", async ({ device, folder, mesh }) => {
    await compareGradients(device, { folder, run: await gatheredRun(family, mesh) });
  });
}

/** Five steps on two ranks on webgpu. */
export function testSplitTrainingOnWebGpu(family: string): void {
  testOnWebGpu(family, "five steps of Adafactor (external)", async ({ device, folder, mesh }) => {
    const run = await splitRun(family, mesh);
    await compareTraining(device, { folder, run, setting: "external" });
  });
}

interface Place {
  readonly device: Device;
  readonly folder: string;
  readonly mesh: ProcessGroupMesh;
}

function testOnWebGpu(family: string, what: string, run: (place: Place) => Promise<void>): void {
  const folder = `${goldenModels}/${family}`;
  webgpuTest(`${family} on tensor 2, on webgpu: ${what} are those of transformers`, async () => {
    await inProcessRanks(2, async (world) => {
      using device = await requestDevice({ kind: "webgpu" });
      await run({ device, folder, mesh: ProcessGroupMesh.over(world, 2, 1) });
    });
  });
}
