// A rank of a 2 x 2 mesh (or 1 x n) that sums along both axes until it or another rank is lost. Prints `step n` every few
// steps, and at the end one line of JSON with the error.
//
//   steps.ts --stall-timeout-ms N [--throw RANK | --leave RANK]

import { parseArgs } from "node:util";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import { launchFromEnv } from "../../../src/distributed/launch.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";

const { values: flags } = parseArgs({
  args: Deno.args,
  options: {
    "stall-timeout-ms": { type: "string", default: "60000" },
    throw: { type: "string" },
    leave: { type: "string" },
  },
});
const world = await launchFromEnv({ stallTimeoutMs: Number(flags["stall-timeout-ms"]) });
const numRows = world.worldSize === 4 ? 2 : 1;
const mesh = new ProcessGroupMesh(numRows, world.worldSize / numRows);
try {
  const along0 = await mesh.getGroupAlongAxis(0);
  const along1 = await mesh.getGroupAlongAxis(1);
  const values = new Float32Array(100_000);
  for (let step = 0;; step++) {
    if (step === 20 && Number(flags.throw) === world.rank) throw new Error("as the test asks");
    if (step === 20 && Number(flags.leave) === world.rank) break;
    await along0.allReduce(values);
    await along1.allReduce(values);
    if (step % 10 === 0) console.log(`step ${step}`);
  }
} catch (error) {
  if (!(error instanceof PeerLostError)) throw error;
  const later = await world.group.barrier().catch((again) => again === error);
  const { name, message, rank, op } = error;
  console.log(JSON.stringify({ name, message, rank, op, later }));
  Deno.exitCode = 1;
}
await world.close();
