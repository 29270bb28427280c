// A rank that makes a call, and in the second one ends, or fails, in the way that the argument names. Prints the error that it
// gets.
//
//   forget    all end without leaving their world     exit CODE  rank 1 leaves, then exits with this code
//   early     rank 1 exits with 0, without leaving    caught     rank 1 aborts; the others ignore the error, and end with 0
//   killed    rank 1 kills itself                     stopped    rank 1 stops itself
//   another   rank 1 makes another call               many       all make 200 long calls first

import { launchFromEnv } from "../../../src/distributed/launch.ts";

const [how, value] = Deno.args;
const stallTimeoutMs = how === "stopped" ? 1_000 : 20_000;
const world = await launchFromEnv({ stallTimeoutMs });
const sums = new Float32Array([world.rank, 1]);
await world.group.allReduce(sums);
console.log(`sum ${sums[1]}`);
const isOne = world.rank === 1;
try {
  const long = new Float32Array(524_288);
  for (let call = 0; how === "many" && call < 200; call++) await world.group.allReduce(long);
  if (isOne && how === "early") Deno.exit(0);
  if (isOne && how === "caught") await world.abort(new Error("as the test asks"));
  if (isOne && how === "killed") Deno.kill(Deno.pid, "SIGKILL");
  if (isOne && how === "stopped") Deno.kill(Deno.pid, "SIGSTOP");
  if (isOne && how === "another") await world.group.broadcast(sums, 0);
  else await world.group.allReduce(new Float32Array(100_000));
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
  if (how !== "caught") Deno.exitCode = 1;
}
if (how !== "forget") await world.close();
if (isOne && how === "exit") Deno.exit(Number(value));
