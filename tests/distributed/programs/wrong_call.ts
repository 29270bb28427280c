// A rank that sums longer and longer arrays; rank 1 makes a mistake at call 5, which the argument names.

import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import { launchFromEnv } from "../../../src/distributed/launch.ts";

const [how] = Deno.args;
const world = await launchFromEnv({ stallTimeoutMs: 2000, slowTimeoutMs: 3000 });
try {
  for (let step = 0; step < 12; step++) {
    const isAstray = world.rank === 1 && step === 5;
    if (isAstray && how === "killed") Deno.kill(Deno.pid, "SIGKILL");
    if (isAstray && how === "left out") continue;
    if (isAstray && how === "another") await world.group.broadcast(new Float32Array(105), 0);
    else if (isAstray && how === "absent") await ended();
    else if (step === 5 && how === "message") await pass();
    else await world.group.allReduce(new Float32Array(100 + step));
  }
} catch (error) {
  if (!(error instanceof PeerLostError)) throw error;
  Deno.exitCode = 1;
}
await world.close();

/** Rank 0 waits for a second message that rank 1 does not send. */
async function pass(): Promise<void> {
  if (world.rank === 1) {
    await world.group.send(new Float32Array(3), 0);
  }
  if (world.rank !== 0) return await ended();
  await world.group.receive(new Float32Array(3), 1);
  await world.group.receive(new Float32Array(4), 1);
}

async function ended(): Promise<void> {
  while (!world.ended) await new Promise((resolve) => setTimeout(resolve, 20));
}
