// The environment variables by which launchers number ranks; the first launcher of this list whose variables are set counts:
//
//   launcher         rank                   ranks                   among those of its host
//   ours, torchrun   RANK                   WORLD_SIZE              LOCAL_RANK
//   Open MPI         OMPI_COMM_WORLD_RANK   OMPI_COMM_WORLD_SIZE    OMPI_COMM_WORLD_LOCAL_RANK
//   MPICH, Intel     PMI_RANK               PMI_SIZE                MPI_LOCALRANKID; under srun SLURM_LOCALID
//   Slurm (srun)     SLURM_PROCID           SLURM_STEP_NUM_TASKS    SLURM_LOCALID
//   Kubernetes       JOB_COMPLETION_INDEX   WORLD_SIZE              0: a pod has one
//
// torchrun and mpirun also run inside of Slurm's allocations, so Slurm comes after them, and only in a step that srun has
// started: SLURM_NTASKS counts the tasks of a whole allocation, whose shell and batch script are one process each. An Indexed
// Job does not set its number of pods. An empty variable is not set. MASTER_ADDR and MASTER_PORT, which only torchrun sets,
// are needed with all of them, except for one rank.
//
// Processes that a launcher numbered and that do not notice it would each be a world of one, and overwrite each other's files.
// So a world of one is an error wherever some launcher started several.

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
  /** This rank among those of its host, in the first of these that is set; empty if a host has one rank only. */
  readonly localRank: readonly string[];
  /** How to set variables that this launcher does not set. */
  readonly advice: string;
}

/**
 * The variables of the launcher that started this process; those of torchrun if none are set.
 *
 * @throws {Error} if WORLD_SIZE differs from the number of ranks of the launcher that sets the rank, or if this is one rank of
 * one although a launcher has started several.
 */
export function launcherVariables(env: Environment): LauncherVariables {
  const found = foundLauncher(env) ?? UNKNOWN;
  const [given, own] = [env.get("WORLD_SIZE"), env.get(found.worldSize)];
  if (given && own && given !== own) {
    throw new Error(
      `WORLD_SIZE is ${given}, but ${found.launcher} has started ${own} ranks ` +
        `(${found.worldSize}), and RANK is not set: set both or none`,
    );
  }
  if (own === "1") requireNoOthers(env, found);
  return found;
}

/**
 * True if a launcher has started this process as a rank; false if it is alone.
 *
 * @throws {Error} if it is alone although a launcher has started several, or as `launcherVariables`.
 */
export function isLaunched(env: Environment): boolean {
  launcherVariables(env);
  const isSet = (name: string) => Boolean(env.get(name));
  // One of the two alone is a mistake, which reading the options reports.
  if (env.get("MESHFACTOR_TRANSPORT") === "mpi") return true;
  if (foundLauncher(env) !== undefined || COUNTS.some(({ count }) => isSet(count))) return true;
  requireNoOthers(env, UNKNOWN);
  const tasks = env.get("SLURM_NTASKS");
  if (!isSet("SLURM_JOB_ID") || !isSeveral(tasks)) return false;
  throw new Error(
    `Slurm has allocated ${tasks} tasks (SLURM_NTASKS), but this process is in none of its steps, so it would train alone: ` +
      "start it with srun, or, as one rank, with srun -n 1",
  );
}

/** Advice for an error about missing variables. */
export function launchAdvice(env: Environment): string {
  const found = foundLauncher(env);
  if (found !== undefined && found.rank !== UNKNOWN.rank) {
    return `${found.launcher} has started this process: ${found.advice}`;
  }
  return env.get("SLURM_JOB_ID") && found === undefined
    ? "start the program with srun, which numbers ranks; an allocation does not"
    : UNKNOWN.advice;
}

/** The launcher whose rank variable is set. */
function foundLauncher(env: Environment): LauncherVariables | undefined {
  return LAUNCHERS.find(({ launcher, rank }) =>
    env.get(rank) && (launcher !== "Slurm" || isStep(env))
  );
}

/** @throws {Error} if another launcher than that of this rank of one has started several processes. */
function requireNoOthers(env: Environment, { launcher, worldSize }: LauncherVariables): void {
  const several = STARTED.find(({ count }) => isSeveral(env.get(count)));
  if (several === undefined) return;
  const alone = env.get(worldSize) ? `${worldSize} is 1` : `${worldSize} is not set`;
  throw new Error(
    `${several.launcher} has started ${
      env.get(several.count)
    } processes (${several.count}), but ${alone}, so each would train alone: ${
      several.launcher === "Kubeflow"
        ? "start the program with src/cli/launch.ts or torchrun, which read PET_ variables"
        : `unset RANK and WORLD_SIZE, and start no ranks by ${launcher}, to have them numbered by ` +
          several.launcher
    }; if they are meant to be independent, unset ${several.count}`,
  );
}

/** Whether `count`, of which elastic jobs give the least and the most as `2:4`, is above 1. */
function isSeveral(count: string | undefined): boolean {
  return Number.parseInt(count ?? "", 10) > 1;
}

/** Whether srun has started this process in a step other than the shell of an allocation. */
function isStep(env: Environment): boolean {
  const step = Number(env.get("SLURM_STEP_ID") || NaN);
  return step < FIRST_SPECIAL_STEP && Boolean(env.get("SLURM_STEP_NUM_TASKS"));
}

/** Ids from here on mean interactive shells, batch scripts and the like. */
const FIRST_SPECIAL_STEP = 0xfffffff0;

const UNKNOWN: LauncherVariables = {
  launcher: "torchrun",
  rank: "RANK",
  worldSize: "WORLD_SIZE",
  localRank: ["LOCAL_RANK"],
  advice: "start the program with src/cli/launch.ts, or call launch() with options",
};
const LAUNCHERS: readonly LauncherVariables[] = [
  UNKNOWN,
  {
    launcher: "Open MPI",
    rank: "OMPI_COMM_WORLD_RANK",
    worldSize: "OMPI_COMM_WORLD_SIZE",
    localRank: ["OMPI_COMM_WORLD_LOCAL_RANK"],
    advice:
      "mpirun -x MASTER_ADDR=<host of rank 0> -x MASTER_PORT=<free port> ... sets what it lacks",
  },
  {
    launcher: "MPICH",
    rank: "PMI_RANK",
    worldSize: "PMI_SIZE",
    localRank: ["MPI_LOCALRANKID", "SLURM_LOCALID"],
    advice:
      "mpiexec -genv MASTER_ADDR <host of rank 0> -genv MASTER_PORT <free port> ... sets what it lacks",
  },
  {
    launcher: "Slurm",
    rank: "SLURM_PROCID",
    worldSize: "SLURM_STEP_NUM_TASKS",
    localRank: ["SLURM_LOCALID"],
    advice:
      "export MASTER_ADDR=$(scontrol show hostnames | head -n 1) MASTER_PORT=<free port> before srun",
  },
  {
    launcher: "Kubernetes",
    rank: "JOB_COMPLETION_INDEX",
    worldSize: "WORLD_SIZE",
    localRank: [],
    advice: "set MASTER_ADDR, MASTER_PORT and WORLD_SIZE in the pod template's env, " +
      "as examples/cluster/indexed_job.yaml does",
  },
];
/** Numbers of ranks, one of which is set by every launcher that numbers ranks. */
const COUNTS = [
  { launcher: "torchrun", count: "WORLD_SIZE" },
  { launcher: "Open MPI", count: "OMPI_COMM_WORLD_SIZE" },
  { launcher: "MPICH", count: "PMI_SIZE" },
];
/** Numbers of processes that launchers have started beside this one, whether it notices or not. */
const STARTED = [
  ...COUNTS.slice(1),
  { launcher: "Slurm", count: "SLURM_STEP_NUM_TASKS" },
  { launcher: "Kubeflow", count: "PET_NNODES" },
];
