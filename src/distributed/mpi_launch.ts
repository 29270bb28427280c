// Joining a job over MPI: rank, number of ranks and where rank 0 listens come from MPI itself, so no MASTER_ variables are needed.
//
//   each rank:  { its host's name, its address, a port, a secret }  -- MPI_Iallgather -->  all of them; rank 0's port and secret count
//
// Control messages go over sockets at that address; only the bytes of groups go over MPI (wire/mpi/).

import { type Environment, launcherVariables } from "./launcher/launcher_variables.ts";
import { freePort } from "./launcher/free_port.ts";
import { addressOfInterface, type WorldOptions } from "./membership/world_options.ts";
import { Deadline } from "./wire/deadline.ts";
import { MpiJob } from "./wire/mpi/job.ts";

/**
 * Options of `launch()` over MPI. Rank, number of ranks, the address of rank 0 and a secret are found if they are not given.
 *
 * @category Distributed
 */
export interface MpiOptions extends Partial<WorldOptions> {
  /** Streams over MPI. */
  readonly transport: "mpi";
}

/**
 * Starts MPI in this process, unless it has been started.
 *
 * @throws {Error} if no library of MPI can be loaded; Deno.errors.NotCapable without the permission for FFI.
 */
export function startMpi(env: Environment, timeoutMs = TIMEOUT_MS): MpiJob {
  const given = env.get(LIBRARY_VARIABLE);
  if (given) return MpiJob.start([given], timeoutMs);
  // The library must be that of the launcher: another one would count one rank.
  const isMpich = !env.get("OMPI_COMM_WORLD_SIZE") && Boolean(env.get("PMI_SIZE"));
  return MpiJob.start(isMpich ? [...MPICH, ...OPEN_MPI] : [...OPEN_MPI, ...MPICH], timeoutMs);
}

/**
 * Completes the options of this rank by what all ranks of the MPI job exchange.
 *
 * @throws {RangeError} if a given rank or number of ranks is not MPI's.
 * @throws {Error} if not all ranks exchange theirs in time, or as `startMpi`.
 */
export async function mpiWorldOptions(options: MpiOptions): Promise<WorldOptions> {
  const { timeoutMs = TIMEOUT_MS } = options;
  const job = startMpi(Deno.env, timeoutMs);
  const { rank, size } = job;
  requireSameJob(job, options);
  if (job.hasFailed) {
    throw new Error(
      "A world of this MPI job has failed, so not all ranks answer: start the job again",
    );
  }
  const own: Place = {
    host: Deno.hostname(),
    address: ownAddress(options),
    port: options.port || freePort(),
    secret: options.secret || crypto.getRandomValues(new Uint8Array(32)).toHex(),
  };
  const places = await exchange(job, own, timeoutMs);
  const near = places.flatMap(({ host }, each) => host === own.host ? [each] : []);
  job.near = new Set(near);
  const isOneHost = near.length === size;
  return {
    ...options,
    rank,
    worldSize: size,
    localRank: options.localRank ?? near.indexOf(rank),
    host: options.host || (isOneHost ? LOOPBACK : places[0].address),
    port: places[0].port,
    secret: options.secret || places[0].secret,
    ...(isOneHost || options.interface !== undefined || options.bind !== undefined
      ? {}
      : { bind: own.address }),
  };
}

/** What a rank tells the others. */
interface Place {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly secret: string;
}

async function exchange(job: MpiJob, own: Place, timeoutMs: number): Promise<readonly Place[]> {
  const bytes = new Uint8Array(PLACE_BYTES).fill(BLANK);
  new TextEncoder().encodeInto(JSON.stringify(own), bytes);
  using deadline = new Deadline(timeoutMs);
  try {
    const all = await job.allGather(bytes, deadline.signal);
    return all.map((each) => JSON.parse(new TextDecoder().decode(each)));
  } catch (cause) {
    if (!deadline.signal.aborted) throw cause;
    throw new Error(
      `Not all ${job.size} ranks of the MPI job joined over MPI within ${timeoutMs} ms: ` +
        "set MESHFACTOR_TRANSPORT=mpi for all of them",
      { cause },
    );
  }
}

function requireSameJob(job: MpiJob, { rank = job.rank, worldSize = job.size }: MpiOptions): void {
  if (rank === job.rank && worldSize === job.size) return;
  const { launcher } = launcherVariables(Deno.env);
  throw new RangeError(
    `This is rank ${rank} of ${worldSize} by the variables of ${launcher} or by its options, but rank ${job.rank} of ${job.size} by ` +
      `${job.description}: start the program with that library's own mpirun, or srun --mpi, or name the launcher's library in ${LIBRARY_VARIABLE}`,
  );
}

/** The address at which other hosts reach this one. */
function ownAddress({ bind, interface: name }: MpiOptions): string {
  if (name !== undefined) return addressOfInterface(name);
  if (bind !== undefined) return bind;
  const outer = Deno.networkInterfaces().filter(({ address, family }) =>
    family === "IPv4" && !address.startsWith("127.")
  );
  return outer[0]?.address ?? LOOPBACK;
}

const LIBRARY_VARIABLE = "MESHFACTOR_MPI_LIBRARY";
const OPEN_MPI = ["libmpi.so.40", "libmpi.so"];
const MPICH = ["libmpich.so.12", "libmpi.so.12", "libmpi_abi.so.1", "libmpi_abi.so.0"];
const TIMEOUT_MS = 120_000;
const LOOPBACK = "127.0.0.1";
const PLACE_BYTES = 512;
const BLANK = 32;
