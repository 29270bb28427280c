// Models that are split over ranks, saved by all ranks together.

import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { parallelize } from "../../src/models/parallelize.ts";
import type { PretrainedModel } from "../../src/models/pretrained_model.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { smallConfigs, smallSam } from "../support/models/small_configs.ts";
import {
  smallClassifiers,
  smallMaskedModels,
  type SmallModel,
  smallModel,
} from "../support/models/small_models.ts";

const { gpt2, llama } = smallConfigs;
const models: Readonly<Record<string, SmallModel>> = {
  "gpt2": { config: gpt2 },
  "gpt2 with 3 heads": { config: { ...gpt2, n_embd: 12, n_head: 3 } },
  "llama": { config: llama },
  ...smallMaskedModels,
  ...smallClassifiers,
  "SAM": { config: smallSam },
};

for (const [what, each] of Object.entries(models)) {
  for (const dtype of ["f32", "bf16"] as const) {
    for (const [tensor, zero] of [[2, 1], [2, 2], [4, 1]] as const) {
      if (what !== "llama" && tensor === 4) continue;
      Deno.test(`${what} of ${dtype} saved by tensor ${tensor} x ZeRO ${zero} ranks loads with the bits of the whole model`, async () => {
        const path = await Deno.makeTempDir();
        try {
          await inProcessRanks(tensor * zero, async (world) => {
            using device = wasmDevice();
            const mesh = ProcessGroupMesh.over(world, tensor, zero);
            using model = smallModel(device, each, { dtype });
            // The bits of -0 are kept, too.
            const [first] = model.parameters();
            first.write((await first.data()).map((value, k) => k % 5 === 0 ? -0 : value));
            const expected = await bitsOf(model);
            await parallelize(model, mesh);
            await savePretrained(model, path, { rank: world.rank });
            if (world.rank !== 0) return;
            using loaded = await loadPretrained(device, path);
            assertSameBits(await bitsOf(loaded), expected);
          });
        } finally {
          await Deno.remove(path, { recursive: true });
        }
      });
    }
  }
}

async function bitsOf(model: PretrainedModel): Promise<Map<string, Uint8Array>> {
  const bits = new Map<string, Uint8Array>();
  for (const [path, parameter] of model.namedParameters()) bits.set(path, await parameter.bytes());
  return bits;
}
