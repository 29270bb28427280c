// Under mpirun of Open MPI and of MPICH, and under torchrun, the files of examples/cluster train as under our launcher.

import { deepEqual, equal, match } from "node:assert/strict";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";
import { lossesOf, runExample, wantedLosses } from "../../support/distributed/cluster_example.ts";
import { missingCommand } from "../../support/distributed/missing_command.ts";

const OPEN_MPI = Deno.env.get("MESHFACTOR_OPENMPI") ?? "mpirun.openmpi";
const MPICH = "mpirun.mpich";
const TORCHRUN = Deno.env.get("MESHFACTOR_TORCHRUN") ?? "torchrun";
/** More ranks than cores, as root. */
const FREELY = {
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_rmaps_base_oversubscribe: "1",
};

for (
  const { launcher, example, env, wanted } of [
    { launcher: OPEN_MPI, example: "openmpi.sh", env: { MPIRUN: OPEN_MPI }, wanted: /Open MPI/ },
    { launcher: OPEN_MPI, example: "mpi.sh", env: { MPIRUN: OPEN_MPI }, wanted: /Open MPI/ },
    { launcher: MPICH, example: "mpich.sh", env: { MPIRUN: MPICH }, wanted: /MPICH/ },
    { launcher: TORCHRUN, example: "torchrun.sh", env: { TORCHRUN }, wanted: /^/ },
  ]
) {
  const missing = await missingCommand(launcher);
  Deno.test({
    name: `${launcher}: examples/cluster/${example} trains as under our launcher${
      missing === undefined ? "" : ` [skipped: ${missing}]`
    }`,
    ignore: missing !== undefined,
    async fn() {
      const { code, stdout, stderr } = await runExample("sh", [`examples/cluster/${example}`], {
        env: { ...FREELY, ...env, MASTER_PORT: `${freePort()}` },
      });
      equal(code, 0, stderr);
      deepEqual(lossesOf(stdout), await wantedLosses(), stderr);
      match(stderr, wanted);
    },
  });
}

for (const launcher of [OPEN_MPI, MPICH]) {
  const missing = await missingCommand(launcher);
  Deno.test({
    name: `ranks that ${launcher} started and that are each told to be alone are refused${
      missing === undefined ? "" : ` [skipped: ${missing}]`
    }`,
    ignore: missing !== undefined,
    async fn() {
      const program = ["deno", "run", "--quiet", "-P=train", "examples/hands_on.ts"];
      const { code, stdout, stderr } = await runExample(launcher, ["-n", "2", ...program], {
        env: { ...FREELY, RANK: "0", WORLD_SIZE: "1" },
      });
      equal(code, 1);
      deepEqual(lossesOf(stdout), []);
      match(stderr, /has started 2 processes .*each would train alone/);
    },
  });
}
