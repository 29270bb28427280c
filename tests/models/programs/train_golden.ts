// One rank of a mesh of processes that trains a golden's model; fails if it differs from transformers.

import { requestDevice } from "../../../src/device/request_device.ts";
import { launchFromEnv } from "../../../src/distributed/launch.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { goldenModels } from "../../support/goldens.ts";
import { compareGradients, compareTraining } from "../../support/models/golden_model.ts";
import { gatheredRun, splitRun } from "../../support/models/golden_runs.ts";

const [family, tensor, zero] = Deno.args;
const folder = `${goldenModels}/${family}`;
await using world = await launchFromEnv();
using device = await requestDevice({ kind: "wasm" });
const mesh = new ProcessGroupMesh(Number(tensor), Number(zero));
const ratios = [await compareGradients(device, { folder, run: await gatheredRun(family, mesh) })];
const run = await splitRun(family, mesh);
for (const setting of ["relative", "external"] as const) {
  ratios.push(await compareTraining(device, { folder, run, setting }));
}
console.log(JSON.stringify({ rank: world.rank, largestError: Math.max(...ratios) }));
