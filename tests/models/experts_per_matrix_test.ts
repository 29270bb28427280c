// The alternative to transformers' stacks: each tensor of the files clipped and scaled by itself.

import { wasmDevice } from "../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { goldenModels } from "../support/goldens.ts";
import { compareTraining } from "../support/models/golden_model.ts";
import { familyRuns, splitRun } from "../support/models/golden_runs.ts";
import { MESHES } from "../support/models/split_golden_model.ts";

const settings = ["relative", "external"] as const;

for (const family of ["mixtral", "deepseek_v2", "deepseek_v3"]) {
  const folder = `${goldenModels}/${family}`;
  testOnEachDevice(
    `${family} with perMatrix: five steps of Adafactor are those of single experts`,
    async (device) => {
      const run = familyRuns[family];
      for (const setting of device.kind === "wasm" ? settings : settings.slice(0, 1)) {
        await compareTraining(device, { folder, run, setting, perMatrix: true });
      }
    },
  );

  for (const [tensor, zero] of MESHES) {
    Deno.test(`${family} with perMatrix on tensor ${tensor} x ZeRO ${zero}: five steps of Adafactor are those of single experts`, async () => {
      await inProcessRanks(tensor * zero, async (world) => {
        using device = wasmDevice();
        const run = await splitRun(family, ProcessGroupMesh.over(world, tensor, zero));
        for (const setting of settings) {
          await compareTraining(device, { folder, run, setting, perMatrix: true });
        }
      });
    });
  }
}
