// The environment variables by which launchers number ranks; the first launcher of this list whose variables are set counts:
//
//   launcher         rank                   ranks                  among those of its host
//   ours, torchrun   RANK                   WORLD_SIZE             LOCAL_RANK
//   Open MPI         OMPI_COMM_WORLD_RANK   OMPI_COMM_WORLD_SIZE   OMPI_COMM_WORLD_LOCAL_RANK
//   MPICH, Intel     PMI_RANK               PMI_SIZE               MPI_LOCALRANKID
//   Slurm (srun)     SLURM_PROCID           SLURM_NTASKS           SLURM_LOCALID
//   Kubernetes       JOB_COMPLETION_INDEX   WORLD_SIZE             0: a pod has one
//
// torchrun and mpirun also run inside of Slurm's allocations, so Slurm comes after them, and only in a step of srun: the
// variables of a whole allocation, or of an interactive shell, do not number ranks. An Indexed Job does not set its number of
// pods. MASTER_ADDR and MASTER_PORT, which only torchrun sets, are needed with all of them.

/** Reads environment variables, as `Deno.env` does. */
export interface Environment {
  /** The variable's value; undefined if it is not set. */
  get(name: string): string | undefined;
}

/** The names of a launcher's variables. */
export interface LauncherVariables {
  /** Name of the launcher. */
  readonly launcher: string;
  /** This process's rank, from 0. */
  readonly rank: string;
  /** Number of ranks. */
  readonly worldSize: string;
  /** This rank among those of its host; undefined if a host has one rank only. */
  readonly localRank?: string;
}

/**
 * The variables of the launcher that started this process; those of torchrun if none are set.
 *
 * @throws {Error} if WORLD_SIZE differs from the number of ranks of the launcher that sets the rank.
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

/** Whether a launcher has started this process, so that it is one of several ranks. An empty variable counts as unset. */
export function isLaunched(env: Environment): boolean {
  const { rank, worldSize } = launcherVariables(env);
  return Boolean(env.get(rank) || env.get(worldSize));
}

/** Advice for an error about missing variables. */
export function launchAdvice(env: Environment): string {
  if (env.get("SLURM_JOB_ID") && !isStep(env) && !LAUNCHERS.some(({ rank }) => env.get(rank))) {
    return "start the program with srun, which numbers ranks; an allocation does not";
  }
  const { launcher, rank } = launcherVariables(env);
  return env.get(rank) && rank !== "RANK"
    ? `${launcher} has started this process: ${MASTER_ADVICE[launcher]}`
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
/** How to give a launcher's ranks the address and a free port of rank 0's host. */
const MASTER_ADVICE: Readonly<Record<string, string>> = {
  "Open MPI":
    "mpirun -x MASTER_ADDR=<host of rank 0> -x MASTER_PORT=<free port> ... sets what it lacks",
  "MPICH":
    "mpiexec -genv MASTER_ADDR <host of rank 0> -genv MASTER_PORT <free port> ... sets what it lacks",
  "Slurm": "export MASTER_ADDR=<host of rank 0> MASTER_PORT=<free port> before srun",
  "Kubernetes": "set MASTER_ADDR, MASTER_PORT and WORLD_SIZE in the pod template's env",
};
const INDEXED_JOB: LauncherVariables = {
  launcher: "Kubernetes",
  rank: "JOB_COMPLETION_INDEX",
  worldSize: "WORLD_SIZE",
};
