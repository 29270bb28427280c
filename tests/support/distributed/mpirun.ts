// Runs programs as ranks under mpirun of Open MPI and MPICH, over MPI unless told otherwise.

import { dirname } from "node:path";
import { missingCommand } from "./missing_command.ts";

/** The launchers of this machine, with the reason why one cannot be used. */
export const LAUNCHERS = await Promise.all(
  ["mpirun.openmpi", "mpirun.mpich"].map(async (command) => ({
    command,
    missing: await missingCommand(command),
  })),
);

/** Options of `underMpi`. */
export interface MpiRunOptions {
  readonly ranks: number;
  readonly script: URL;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Prefix of each rank's command. Default: none. */
  readonly before?: readonly string[];
  /** Default: train-mpi. */
  readonly permissions?: string;
  /** Called with every line of stdout. */
  readonly onLine?: (text: string) => void;
}

/** What the launcher and its ranks wrote. */
export interface MpiRun {
  readonly code: number;
  readonly stdout: readonly string[];
  readonly stderr: string;
}

/** Prefix that gives each rank a host name of its own, so that it takes the others for ranks of other hosts. */
export const OWN_HOST_NAMES = [
  ...["unshare", "--uts", "sh", "-c"],
  ...['hostname "host${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" && exec "$@"', "sh"],
];

/** The reason why ranks cannot have host names of their own here; undefined if they can. */
export async function ownHostNamesMissing(): Promise<string | undefined> {
  const [command, ...args] = [...OWN_HOST_NAMES, "true"];
  try {
    const { success, stderr } = await new Deno.Command(command, { args }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Runs a program under a launcher, which may be `mpirun.openmpi`. */
export async function underMpi(command: string, options: MpiRunOptions): Promise<MpiRun> {
  const { ranks, script, args = [], env = {}, before = [], permissions = "train-mpi" } = options;
  const program = [Deno.execPath(), "run", "--quiet", `-P=${permissions}`, script.pathname];
  const child = new Deno.Command(command, {
    args: ["-n", `${ranks}`, ...before, ...program, ...args],
    cwd: new URL("../../../", import.meta.url),
    env: {
      MESHFACTOR_TRANSPORT: "mpi",
      // More ranks than cores, as root.
      OMPI_ALLOW_RUN_AS_ROOT: "1",
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
      OMPI_MCA_rmaps_base_oversubscribe: "1",
      NO_COLOR: "1",
      ...env,
      PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout: string[] = [];
  const read = async () => {
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        stdout.push(line.trimEnd());
        options.onLine?.(line.trimEnd());
      }
    }
  };
  const [{ code }, stderr] = await Promise.all([
    child.status,
    new Response(child.stderr).text(),
    read(),
  ]);
  return { code, stdout, stderr };
}
