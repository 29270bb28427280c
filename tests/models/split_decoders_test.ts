// Decoders on meshes of ranks against transformers.

import { requestDevice } from "../../src/device/request_device.ts";
import { wasmDevice } from "../../src/device/wasm.ts";
import { ProcessGroupMesh } from "../../src/dist/mesh.ts";
import { webgpuTest } from "../device/webgpu_adapter.ts";
import { inProcessRanks } from "../dist/in_process_ranks.ts";
import { gatheredRun, splitRun, vocabularyOf } from "./decoder_runs.ts";
import { goldenModels, hasFolder, judgeGradients, judgeTraining } from "./golden_model.ts";

const MESHES = [[2, 1], [4, 1], [2, 2]] as const;

for (const family of ["gpt2", "llama", "mistral", "qwen2", "qwen3", "opt"]) {
  const folder = `${goldenModels}/${family}`;
  for (const [tensor, zero] of MESHES) {
    const what = `${family} on tensor ${tensor} x ZeRO ${zero}`;
    if (!hasFolder(folder)) {
      Deno.test.ignore(`${what} is that of transformers [skipped: no ${folder}]`, () => {});
      continue;
    }
    Deno.test(`${what}: logits, loss and every gradient are those of transformers`, async () => {
      await inProcessRanks(tensor * zero, async (world) => {
        using device = wasmDevice();
        const run = await gatheredRun(ProcessGroupMesh.over(world, tensor, zero));
        await judgeGradients(device, { folder, run });
      });
    });
    for (const setting of ["relative", "external"] as const) {
      Deno.test(`${what}: five steps of Adafactor (${setting}) are those of transformers, without gathering logits`, async () => {
        await inProcessRanks(tensor * zero, async (world) => {
          using device = wasmDevice();
          const mesh = ProcessGroupMesh.over(world, tensor, zero);
          const run = await splitRun(mesh, { numClasses: await vocabularyOf(folder) });
          await judgeTraining(device, { folder, run, setting });
        });
      });
    }
  }
}

for (const family of ["gpt2", "llama"]) {
  const folder = `${goldenModels}/${family}`;
  if (!hasFolder(folder)) continue;
  webgpuTest(`${family} on tensor 2, on webgpu, trains as transformers do`, async () => {
    await inProcessRanks(2, async (world) => {
      using device = await requestDevice({ kind: "webgpu" });
      const mesh = ProcessGroupMesh.over(world, 2, 1);
      await judgeGradients(device, { folder, run: await gatheredRun(mesh) });
      const run = await splitRun(mesh, { numClasses: await vocabularyOf(folder) });
      await judgeTraining(device, { folder, run, setting: "external" });
    });
  });
}
