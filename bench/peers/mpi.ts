// Open MPI on this host, over TCP or shared memory, as a contestant: mpi.c, built when it is asked for; and our own ranks over
// its shared memory.

import { Contestant } from "../collectives/contestant.ts";
import type { Options } from "../collectives/options.ts";
import { pinned } from "../../src/distributed/launcher/cores.ts";
import { startCommands } from "./command.ts";

/**
 * Builds mpi.c with mpicc and starts it on `ranks` ranks under mpirun, over TCP.
 *
 * @throws {Error} if Open MPI is not installed, mpi.c does not build, or the ranks do not start.
 */
export function startMpi(ranks: number, options: StartOptions): Promise<Contestant> {
  return startProgram(ranks, { ...options, transport: TCP });
}

/** As `startMpi`, over shared memory, which is what Open MPI chooses on one host. */
export function startMpiOverMemory(ranks: number, options: StartOptions): Promise<Contestant> {
  return startProgram(ranks, { ...options, transport: [] });
}

/**
 * Starts our own ranks under mpirun, whose groups go over Open MPI's shared memory.
 *
 * @throws {Error} if Open MPI is not installed, or the ranks do not start.
 */
export function startOverMpi(
  ranks: number,
  { cores, signal }: StartOptions,
): Promise<Contestant> {
  const script = new URL("../collectives/rank.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "--quiet", "-P=train-mpi", "--config", config];
  return Contestant.start({
    name: "meshfactor over MPI",
    ranks,
    signal,
    start: ({ port, token }) =>
      startCommands([{
        program: "mpirun",
        args: [
          ...FLAGS,
          ...eachRank(ranks, cores, [...deno, script, `${port}`, token, "mpi", "{}"]),
        ],
        env: { MESHFACTOR_TRANSPORT: "mpi" },
      }]),
  });
}

type StartOptions = Pick<Options, "cores"> & { readonly signal: AbortSignal };

async function startProgram(
  ranks: number,
  { cores, signal, transport }: StartOptions & { readonly transport: readonly string[] },
): Promise<Contestant> {
  const folder = await Deno.makeTempDir({ prefix: "meshfactor-bench-" });
  try {
    const program = `${folder}/mpi`;
    await build(program);
    return await Contestant.start({
      name: "Open MPI",
      ranks,
      signal,
      start: ({ hostname, port, token }) =>
        startCommands([{
          program: "mpirun",
          args: [
            ...FLAGS,
            ...transport,
            ...eachRank(ranks, cores, [program, hostname, `${port}`, token]),
          ],
        }]),
    });
  } finally {
    // The ranks run by now, and need the file no more.
    await Deno.remove(folder, { recursive: true });
  }
}

/** The program that mpirun starts. */
function eachRank(ranks: number, cores: Options["cores"], command: readonly string[]): string[] {
  if (cores === "any") return ["-np", `${ranks}`, ...command];
  const one = (rank: number) => ["-np", "1", ...pinned(rank, ranks), ...command];
  return Array.from({ length: ranks }, (_, rank) => [":", ...one(rank)]).flat().slice(1);
}

async function build(program: string): Promise<void> {
  const source = new URL("./mpi.c", import.meta.url).pathname;
  const args = ["-O2", "-o", program, source];
  const { success, stderr } = await runMpicc(args);
  if (!success) throw new Error(`mpicc ${args.join(" ")}:\n${new TextDecoder().decode(stderr)}`);
}

async function runMpicc(args: string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command("mpicc", { args }).output();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(
      "mpicc was not found: install Open MPI (on Debian: apt-get install openmpi-bin libopenmpi-dev)",
      { cause },
    );
  }
}

/** More ranks than cores may run, on any core, as root too. */
const FLAGS = [
  "--allow-run-as-root",
  "--oversubscribe",
  ...["--bind-to", "none"],
  ...["--mca", "pml", "ob1"],
];
/** TCP alone, not shared memory. */
const TCP = [
  ...["--mca", "btl", "tcp,self"],
  ...["--mca", "btl_tcp_if_include", "lo"],
];
