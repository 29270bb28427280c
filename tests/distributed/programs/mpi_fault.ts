// A rank of three over MPI that makes one call of the fault matrix and two barriers, with a fault in the messages of rank 1 to
// rank 2. Prints `right`, or the error that it gets.
//
//   mpi_fault.ts KIND "CALL" BYTES     KIND of fault, name of the call, and after how many bytes of the group of all ranks
//
//   kill, stop   rank 1 gets SIGKILL or SIGSTOP      close    MPI's calls for rank 2 fail on rank 1 from then on
//   silence      nothing passes between the two      damage   a bit of the next message is flipped

import { launchFromEnv } from "../../../src/distributed/launch.ts";
import { MpiJob, type Request } from "../../../src/distributed/wire/mpi/job.ts";
import { CALLS } from "../../support/distributed/fault_matrix.ts";

const [kind, name, after] = Deno.args;
const call = CALLS.find((each) => each.name === name);
if (call === undefined) throw new RangeError(`no call ${name}`);
const { algorithms } = call;
const world = await launchFromEnv({ algorithms, stallTimeoutMs: 1_500 });
if (world.rank === 1) strike(Number(after));
try {
  await call.run(world.group);
  await world.group.barrier();
  await world.group.barrier();
  console.log("right");
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
  Deno.exitCode = 1;
}
await world.close();

/** From now on: MPI as it is after that many bytes to rank 2. */
function strike(bytes: number): void {
  const { send, probe, hasEnded } = MpiJob.prototype;
  const dropped = new Set<Request>();
  let left = bytes;
  let isStruck = false;
  const failIfClosed = () => {
    if (isStruck && kind === "close") throw new Error("MPI: the process has failed");
  };
  MpiJob.prototype.send = function (message, options) {
    if (options.to !== 2) return send.call(this, message, options);
    failIfClosed();
    left -= message.length;
    if (left < 0 && !isStruck) {
      isStruck = true;
      failIfClosed();
      if (kind === "kill") Deno.kill(Deno.pid, "SIGKILL");
      if (kind === "stop") Deno.kill(Deno.pid, "SIGSTOP");
      if (kind === "damage") message[message.length + left] ^= 1;
    }
    if (!isStruck || kind !== "silence") return send.call(this, message, options);
    dropped.add(options.request);
  };
  MpiJob.prototype.probe = function (from, tag) {
    if (from !== 2) return probe.call(this, from, tag);
    failIfClosed();
    return isStruck && kind === "silence" ? -1 : probe.call(this, from, tag);
  };
  MpiJob.prototype.hasEnded = function (request) {
    return dropped.delete(request) || hasEnded.call(this, request);
  };
}
