// A process finds its rank in the variables of the launcher that started it; the innermost launcher counts.

import { deepEqual, equal, match, throws } from "node:assert/strict";
import {
  isLaunched,
  launcherVariables,
} from "../../../src/distributed/launcher/launcher_variables.ts";
import { kubeflowFlags } from "../../../src/distributed/launcher/kubeflow_variables.ts";
import { optionsFromEnv } from "../../../src/distributed/launch.ts";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";

type Variables = Readonly<Record<string, string>>;

const MASTER = { MASTER_ADDR: "10.0.0.1", MASTER_PORT: "29500" };
const OURS = { RANK: "1", WORLD_SIZE: "8", LOCAL_RANK: "0" };
const OPEN_MPI = {
  OMPI_COMM_WORLD_RANK: "2",
  OMPI_COMM_WORLD_SIZE: "7",
  OMPI_COMM_WORLD_LOCAL_RANK: "1",
};
const MPICH = { PMI_RANK: "3", PMI_SIZE: "6", MPI_LOCALRANKID: "2" };
const ALLOCATION = { SLURM_JOB_ID: "17", SLURM_JOB_NAME: "interactive", SLURM_NTASKS: "5" };
const SLURM = {
  ...ALLOCATION,
  SLURM_STEP_ID: "0",
  SLURM_STEP_NUM_TASKS: "5",
  SLURM_PROCID: "4",
  SLURM_LOCALID: "3",
};
/** A shell of `salloc` with an interactive step, and a batch script. */
const SHELL = { ...SLURM, SLURM_STEP_ID: "4294967290", SLURM_STEP_NUM_TASKS: "1" };
const BATCH = { ...ALLOCATION, SLURM_PROCID: "0", SLURM_LOCALID: "0" };
const KUBERNETES = { JOB_COMPLETION_INDEX: "2", WORLD_SIZE: "4" };

Deno.test("each launcher's variables give rank, number of ranks and local rank", () => {
  deepEqual(numbers(OURS), [1, 8, 0]);
  deepEqual(numbers(OPEN_MPI), [2, 7, 1]);
  deepEqual(numbers(MPICH), [3, 6, 2]);
  deepEqual(numbers(SLURM), [4, 5, 3]);
  deepEqual(numbers(KUBERNETES), [2, 4, 0]);
  deepEqual(numbers({ PMI_RANK: "3", PMI_SIZE: "6" }), [3, 6, 3]);
  deepEqual(numbers({ ...SLURM, PMI_RANK: "4", PMI_SIZE: "5" }), [4, 5, 3], "srun --mpi=pmi2");
});

Deno.test("if several launchers have set variables, the innermost one counts", () => {
  const all = { ...SLURM, ...MPICH, ...OPEN_MPI, JOB_COMPLETION_INDEX: "0" };
  deepEqual(numbers({ ...all, ...OURS }), [1, 8, 0]);
  deepEqual(numbers(all), [2, 7, 1]);
  deepEqual(numbers({ ...SLURM, ...MPICH }), [3, 6, 2]);
  deepEqual(numbers({ ...SLURM, JOB_COMPLETION_INDEX: "0" }), [4, 5, 3]);
});

Deno.test("if only some variables are set, the error names the missing ones", () => {
  throws(() => numbers({ RANK: "0", ...OPEN_MPI }), /needs RANK, WORLD_SIZE.*; WORLD_SIZE is not/);
  throws(() => numbers({ OMPI_COMM_WORLD_RANK: "0" }), /OMPI_COMM_WORLD_SIZE is not set/);
  throws(() => numbers({ JOB_COMPLETION_INDEX: "0" }), /WORLD_SIZE is not set/);
  throws(() => optionsFromEnv(env(OPEN_MPI)), /MASTER_ADDR, MASTER_PORT are not set/);
  throws(
    () => numbers({ ...OPEN_MPI, WORLD_SIZE: "8" }),
    /WORLD_SIZE is 8, but Open MPI has started 7 ranks .*set both or none/,
  );
  deepEqual(numbers({ ...OPEN_MPI, WORLD_SIZE: "7" }), [2, 7, 1]);
});

Deno.test("a step of Slurm numbers ranks, whatever the job's name; an allocation, its shell and its batch script do not", () => {
  for (const name of ["bash", "sh", "interactive", "train.sh"]) {
    deepEqual(numbers({ ...SLURM, SLURM_JOB_NAME: name }), [4, 5, 3]);
  }
  deepEqual(numbers({ ...SLURM, SLURM_NTASKS: "16" }), [4, 5, 3], "a step of fewer tasks");
  for (const set of [ALLOCATION, SHELL, BATCH]) {
    throws(() => numbers(set), /needs RANK, .*: start the program with srun/);
  }
  throws(() => numbers({}), /: start the program with src\/cli\/launch\.ts/);
});

Deno.test("one rank needs no address of rank 0", () => {
  const one = { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" };
  const { rank, worldSize, host } = optionsFromEnv(env(one));
  deepEqual([rank, worldSize, host], [0, 1, "127.0.0.1"]);
});

Deno.test("under torchrun, whose agent listens on MASTER_PORT, rank 0 listens on the next port", () => {
  const agent = { ...OURS, ...MASTER, TORCHELASTIC_USE_AGENT_STORE: "True" };
  equal(optionsFromEnv(env(agent)).port, 29501);
  equal(optionsFromEnv(env({ ...agent, TORCHELASTIC_USE_AGENT_STORE: "False" })).port, 29500);
  equal(optionsFromEnv(env({ ...agent, MESHFACTOR_LAUNCHER: "17" })).port, 29500);
});

Deno.test("a world of one is an error where a launcher has started several processes", () => {
  const one = { RANK: "0", WORLD_SIZE: "1" };
  const started = { ...OURS, RANK: "", WORLD_SIZE: "" };
  for (
    const [set, wanted] of [
      [
        { ...OPEN_MPI, ...one },
        /Open MPI has started 7 processes \(OMPI_COMM_WORLD_SIZE\), but WORLD_SIZE is 1/,
      ],
      [{ ...MPICH, ...one }, /MPICH has started 6 processes .*unset RANK and WORLD_SIZE/],
      [{ ...SLURM, ...one }, /Slurm has started 5 processes \(SLURM_STEP_NUM_TASKS\)/],
      [{ ...SLURM, PMI_RANK: "0", PMI_SIZE: "1" }, /Slurm has started 5 .*, but PMI_SIZE is 1/],
      [{ ...one, PET_NNODES: "4" }, /Kubeflow has started 4 .*start the program with src\/cli/],
      [{ ...started, PET_NNODES: "2:4" }, /Kubeflow has started 2.*, but WORLD_SIZE is not set/],
      [
        ALLOCATION,
        /Slurm has allocated 5 tasks .*start it with srun, or, as one rank, with srun -n 1/,
      ],
      [SHELL, /Slurm has allocated 5 tasks/],
      [BATCH, /Slurm has allocated 5 tasks/],
    ] as const
  ) {
    throws(() => isLaunched(env(set)), wanted, JSON.stringify(set));
  }
  for (const set of [{ OMPI_COMM_WORLD_SIZE: "4" }, { JOB_COMPLETION_INDEX: "1" }]) {
    equal(isLaunched(env(set)), true);
    throws(() => optionsFromEnv(env(set)), /(RANK|WORLD_SIZE).* not set/);
  }
  throws(() => optionsFromEnv(env({ ...OPEN_MPI, ...one })), /each would train alone/);
});

Deno.test("a world of one is none where one process was started, or ranks were started by one of several", () => {
  for (
    const set of [
      { SLURM_JOB_ID: "17", SLURM_NTASKS: "1" },
      { ...SHELL, SLURM_NTASKS: "" },
      { PET_NNODES: "1" },
      { PET_NNODES: "1:4" },
    ]
  ) equal(isLaunched(env(set)), false, JSON.stringify(set));
  const one = { RANK: "0", WORLD_SIZE: "1" };
  for (
    const set of [
      { ...one, ...BATCH },
      { ...OURS, ...SLURM, SLURM_STEP_NUM_TASKS: "2" },
      { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1", ...BATCH },
      { ...SLURM, SLURM_PROCID: "0", SLURM_STEP_NUM_TASKS: "1", SLURM_NTASKS: "1" },
    ]
  ) equal(isLaunched(env(set)), true, JSON.stringify(set));
});

Deno.test("variables of Kubeflow Trainer are flags of the launcher", () => {
  const flags = (set: Variables) => kubeflowFlags(env(set)).join(" ");
  equal(
    flags({ PET_NNODES: "2", PET_NODE_RANK: "0", PET_NPROC_PER_NODE: "4" }),
    "--ranks 4 --nodes 2 --node 0",
  );
  equal(
    flags({ PET_MASTER_ADDR: "train-node-0-0.train", PET_MASTER_PORT: "29400", PET_NNODES: "" }),
    "--master-addr train-node-0-0.train --master-port 29400",
  );
  equal(flags({ PET_NPROC_PER_NODE: "auto" }), "");
});

Deno.test("the error about missing variables names the launcher that is there and how it sets them", () => {
  const adviceFor = (set: Variables) => {
    try {
      optionsFromEnv(env(set));
    } catch (error) {
      return String(error);
    }
    return "no error";
  };
  match(adviceFor(OPEN_MPI), /Open MPI has started this process: mpirun -x MASTER_ADDR=/);
  match(adviceFor(MPICH), /MPICH has started this process: mpiexec -genv MASTER_ADDR /);
  match(adviceFor(SLURM), /Slurm has started this process: export MASTER_ADDR=/);
  match(adviceFor(KUBERNETES), /Kubernetes has started this process: set MASTER_ADDR/);
  match(adviceFor({ ...ALLOCATION, ...OPEN_MPI }), /Open MPI has started this process/);
  match(adviceFor({ RANK: "0" }), /start the program with src\/cli\/launch\.ts/);
});

Deno.test("empty variables are unset: a process that has only those is not one of several ranks", () => {
  for (const set of [{}, { WORLD_SIZE: "" }, { RANK: "", WORLD_SIZE: "", LOCAL_RANK: "" }]) {
    equal(isLaunched(env(set)), false, JSON.stringify(set));
  }
  equal(isLaunched(env({ RANK: "0", WORLD_SIZE: "" })), true, "and then an error says what lacks");
  for (const set of [OURS, OPEN_MPI, MPICH, SLURM, KUBERNETES]) equal(isLaunched(env(set)), true);
  const { rank, worldSize, localRank } = optionsFromEnv(
    env({ ...OPEN_MPI, ...MASTER, RANK: "", WORLD_SIZE: "", LOCAL_RANK: "", MESHFACTOR_PORTS: "" }),
  );
  deepEqual([rank, worldSize, localRank], [2, 7, 1]);
});

Deno.test("ranks of another launcher find each other, and rank 0 reports which launcher numbers them", async () => {
  const master = { MASTER_ADDR: "127.0.0.1", MASTER_PORT: `${freePort()}` };
  const ranks = await Promise.all(["0", "1"].map((rank) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-P=test", new URL("../programs/brief.ts", import.meta.url).href],
      env: { ...master, OMPI_COMM_WORLD_RANK: rank, OMPI_COMM_WORLD_SIZE: "2" },
    }).output()
  ));
  const said = ranks.map(({ stderr }) => new TextDecoder().decode(stderr));
  deepEqual(ranks.map(({ code }) => code), [0, 0], said.join());
  match(said[0], /Using the ranks of Open MPI \(OMPI_COMM_WORLD_RANK\), 2 in all/);
  equal(said[1].includes("Open MPI"), false);
});

/** Rank, number of ranks and local rank. */
function numbers(variables: Variables): number[] {
  launcherVariables(env(variables));
  const { rank, worldSize, localRank = -1 } = optionsFromEnv(env({ ...variables, ...MASTER }));
  return [rank, worldSize, localRank];
}

function env(variables: Variables) {
  return { get: (name: string) => variables[name] };
}
