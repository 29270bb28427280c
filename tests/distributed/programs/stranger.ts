// Tries to join the job at the port that its argument gives as rank 1, without a secret; prints the error.

import { World } from "../../../src/distributed/world.ts";

const job = { worldSize: 2, host: "127.0.0.1", port: Number(Deno.args[0]), timeoutMs: 3000 };
try {
  await using _world = await World.join({ ...job, rank: 1 });
  console.log("joined");
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
