// Under Slurm, in each way to start a program there, the ranks are the tasks of one step; a process that is in no step does not
// train alone.

import { deepEqual, equal, match } from "node:assert/strict";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";
import { lossesOf, runExample, wantedLosses } from "../../support/distributed/cluster_example.ts";
import { missingCommand } from "../../support/distributed/missing_command.ts";
import { SlurmCluster, slurmMissing } from "../../support/distributed/slurm_cluster.ts";

const missing = await slurmMissing();
const noMpich = await missingCommand("mpirun.mpich");
const PROGRAM = "deno run --quiet -P=train examples/hands_on.ts";

Deno.test({
  name: `Slurm's sbatch, srun and salloc number the ranks, and a process in no step is refused${
    missing === undefined ? "" : ` [skipped: ${missing}]`
  }`,
  ignore: missing !== undefined,
  async fn(test) {
    await using cluster = await SlurmCluster.start();
    const master = () => ({
      ...cluster.env,
      MASTER_ADDR: "127.0.0.1",
      MASTER_PORT: `${freePort()}`,
    });
    await test.step("sbatch examples/cluster/slurm.sbatch", async () => {
      const log = await Deno.makeTempFile();
      const { stdout } = await runExample("sbatch", [
        ...["--parsable", "--output", log, "examples/cluster/slurm.sbatch"],
      ], { env: cluster.env });
      await cluster.finished(stdout.trim());
      const text = await Deno.readTextFile(log);
      deepEqual(lossesOf(text), await wantedLosses(), text);
      match(text, /Using the ranks of Slurm \(SLURM_PROCID\), 4 in all/);
      await Deno.remove(log);
    });
    for (
      const [command, ...args] of [
        ["srun", "-n", "4", "sh", "-c", `${PROGRAM} "$@"`, "sh"],
        ["srun", "-n", "4", "bash", "-c", `${PROGRAM} "$@"`, "bash"],
        ["srun", "--mpi=pmi2", "-n", "4", ...PROGRAM.split(" ")],
        ["salloc", "-n", "4", "srun", ...PROGRAM.split(" ")],
      ]
    ) {
      await test.step([command, ...args.slice(0, 4)].join(" "), async () => {
        const { code, stdout, stderr } = await runExample(command, args, { env: master() });
        equal(code, 0, stderr);
        deepEqual(lossesOf(stdout), await wantedLosses(), stderr);
      });
    }
    await test.step({
      name: `srun --mpi=pmi2 over MPI${noMpich === undefined ? "" : ` [skipped: ${noMpich}]`}`,
      ignore: noMpich !== undefined,
      async fn() {
        const program = ["deno", "run", "--quiet", "-P=train-mpi", "examples/hands_on.ts"];
        const { code, stdout, stderr } = await runExample("srun", [
          ...["--mpi=pmi2", "-n", "4", ...program],
        ], { env: { ...cluster.env, MESHFACTOR_TRANSPORT: "mpi" } });
        equal(code, 0, stderr);
        deepEqual(lossesOf(stdout), await wantedLosses(), stderr);
      },
    });
    await test.step("a shell of salloc trains nothing", async () => {
      const { code, stderr } = await runExample("salloc", [
        ...["-n", "4", "deno", "run", "--quiet", "-P=train", "src/cli/train.ts"],
      ], { env: cluster.env });
      match(stderr, /Slurm has allocated 4 tasks .*start it with srun/);
      equal(code, 2);
    });
  },
});
