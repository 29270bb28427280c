// Which rank this process is, by the variables of whatever launcher has started it; the first of these that is there counts:
//
//   launcher         rank                   ranks                  among those of its host
//   ours, torchrun   RANK                   WORLD_SIZE             LOCAL_RANK
//   Open MPI         OMPI_COMM_WORLD_RANK   OMPI_COMM_WORLD_SIZE   OMPI_COMM_WORLD_LOCAL_RANK
//   MPICH, Intel     PMI_RANK               PMI_SIZE               MPI_LOCALRANKID
//   Slurm (srun)     SLURM_PROCID           SLURM_NTASKS           SLURM_LOCALID
//   Kubernetes       JOB_COMPLETION_INDEX   WORLD_SIZE             0: a pod has one
//
// torchrun and mpirun also run inside of Slurm's allocations, so Slurm comes after them, and only in a step of srun: what it
// sets for the whole allocation, or an interactive shell, numbers no ranks. An Indexed Job does not tell how many pods it
// has. MASTER_ADDR and MASTER_PORT, which only torchrun sets, must come with all of them.

/** Reads environment variables, as `Deno.env` does. */
export interface Environment {
  /** The variable's value; undefined if it is not set. */
  get(name: string): string | undefined;
}

/** The names of a launcher's variables. */
export interface LauncherVariables {
  /** Who sets them. */
  readonly launcher: string;
  /** Of this process, from 0. */
  readonly rank: string;
  /** Number of ranks. */
  readonly worldSize: string;
  /** This rank among those of its host; undefined if there is one only. */
  readonly localRank?: string;
}

/**
 * The variables that number this process; those of torchrun if no launcher has set any.
 *
 * @throws {Error} if WORLD_SIZE is set to another number than that of the launcher which gives the rank.
 */
export function launcherVariables(env: Environment): LauncherVariables {
  const found = LAUNCHERS.find(({ rank }) => env.get(rank)) ?? (isStep(env) ? SLURM : undefined) ??
    (env.get(INDEXED_JOB.rank) ? INDEXED_JOB : LAUNCHERS[0]);
  const [given, own] = [env.get("WORLD_SIZE"), env.get(found.worldSize)];
  if (given && own && given !== own) {
    throw new Error(
      `WORLD_SIZE is ${given}, but ${found.launcher} has started ${own} ranks ` +
        `(${found.worldSize}), and RANK is not set: set both or none`,
    );
  }
  return found;
}

/** What may be done about missing variables. */
export function launchAdvice(env: Environment): string {
  return env.get("SLURM_JOB_ID") && !isStep(env)
    ? "start the program with srun, which numbers ranks; an allocation does not"
    : "start the program with src/cli/launch.ts, or call launch() with options";
}

function isStep(env: Environment): boolean {
  const job = env.get("SLURM_JOB_NAME") ?? "";
  const isShell = job === "bash" || job === "sh" || job === "interactive";
  return Boolean(env.get(SLURM.rank) && env.get("SLURM_STEP_ID")) && !isShell;
}

const LAUNCHERS: readonly LauncherVariables[] = [
  { launcher: "torchrun", rank: "RANK", worldSize: "WORLD_SIZE", localRank: "LOCAL_RANK" },
  {
    launcher: "Open MPI",
    rank: "OMPI_COMM_WORLD_RANK",
    worldSize: "OMPI_COMM_WORLD_SIZE",
    localRank: "OMPI_COMM_WORLD_LOCAL_RANK",
  },
  { launcher: "MPICH", rank: "PMI_RANK", worldSize: "PMI_SIZE", localRank: "MPI_LOCALRANKID" },
];
const SLURM: LauncherVariables = {
  launcher: "Slurm",
  rank: "SLURM_PROCID",
  worldSize: "SLURM_NTASKS",
  localRank: "SLURM_LOCALID",
};
const INDEXED_JOB: LauncherVariables = {
  launcher: "Kubernetes",
  rank: "JOB_COMPLETION_INDEX",
  worldSize: "WORLD_SIZE",
};
