// Groups over MPI: the bits of sockets, no variables for the address of rank 0, named losses and stalls, and exit codes that
// the launcher passes on.

import { deepEqual, doesNotMatch, equal, match, notEqual, ok } from "node:assert/strict";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";
import { admissionCheck } from "../../../src/distributed/membership/admission.ts";
import {
  LAUNCHERS,
  type MpiRunOptions,
  OWN_HOST_NAMES,
  ownHostNamesMissing,
  underMpi,
} from "../../support/distributed/mpirun.ts";
import { runRanks } from "../../support/distributed/run_ranks.ts";

const EVERY_CALL = program("every_call.ts");
const ENDS = program("mpi_ends.ts");
const MIXED = program("mixed_transports.ts");

for (const { command, missing } of LAUNCHERS) {
  const isOpenMpi = command === "mpirun.openmpi";

  /** Registers a test; if the launcher is missing it is skipped, with the reason in its name. */
  const mpiTest = (
    name: string,
    fn: (run: (options: MpiRunOptions) => ReturnType<typeof underMpi>) => Promise<void>,
  ) => {
    const skipped = missing === undefined ? "" : ` [skipped: ${missing}]`;
    Deno.test({
      name: `${command}: ${name}${skipped}`,
      ignore: missing !== undefined,
      fn: () => fn((options) => underMpi(command, options)),
    });
  };
  const ends = (...args: string[]) => ({ ranks: 3, script: ENDS, args });

  mpiTest("every call gives the bits that it gives over sockets", async (run) => {
    for (const ranks of isOpenMpi ? [4] : [3]) {
      const { code, stdout, stderr } = await run({ ranks, script: EVERY_CALL });
      equal(code, 0, stderr);
      const overSockets = await runRanks({ ranks, script: EVERY_CALL });
      deepEqual(stdout.toSorted(), overSockets.map((each) => each.stdout.join()), stderr);
    }
  });

  mpiTest("writes go on whenever a message has left, however long the calls are", async (run) => {
    const { code, stderr } = await run({ ...ends("many"), ranks: 2 });
    equal(code, 0, stderr);
  });

  mpiTest("a rank that is killed ends the job", async (run) => {
    const { code, stdout, stderr } = await run(ends("killed"));
    notEqual(code, 0, stderr);
    equal(stdout.filter((line) => line === "sum 3").length, 3);
    // MPICH ends the others before they can say so.
    if (isOpenMpi) match(stdout.join("\n"), /Rank 1 is lost: its process ended without a goodbye/);
  });

  mpiTest(
    "a rank that stops, calls something else or exits without leaving is named",
    async (run) => {
      for (
        const [how, named] of [
          ["stopped", /Rank 1 has stalled its peers for 1 s in allReduce 1 .*it does not answer/],
          ["another", /Ranks \d and \d made different calls in allReduce 1/],
          ["early", /Rank 1 exits without leaving its world, .*: close the world first/],
        ] as const
      ) {
        const { code, stdout, stderr } = await run(ends(how));
        notEqual(code, 0, stderr);
        match(stdout.join("\n") + stderr, named);
      }
    },
  );

  mpiTest(
    "the launcher gets the exit codes of ranks, and none is 0 if the job has failed",
    async (run) => {
      equal((await run(ends("forget"))).code, 0);
      equal((await run(ends("exit", "3"))).code, 3);
      const caught = await run(ends("caught"));
      equal(caught.code, 1, caught.stderr);
    },
  );

  mpiTest(
    "ranks of different transports do not train, and the error says what to set",
    async (run) => {
      const env = { MASTER_ADDR: "127.0.0.1", MASTER_PORT: `${freePort()}` };
      const began = performance.now();
      const { code, stdout, stderr } = await run({ ranks: 2, script: MIXED, env });
      notEqual(code, 0);
      doesNotMatch(stdout.join(), /has joined/);
      match(stderr, /not all processes of the job have started MPI; set MESHFACTOR_TRANSPORT=mpi/);
      ok(performance.now() - began < 20_000);
    },
  );

  mpiTest("a library that is missing, forbidden or another launcher's is named", async (run) => {
    const other = isOpenMpi ? "libmpich.so.12" : "libmpi.so.40";
    const missingOne = { env: { MESHFACTOR_MPI_LIBRARY: "libnompi.so.1" } };
    await Promise.all(
      ([
        [missingOne, /No MPI library can be loaded: install .* tried\s+libnompi\.so\.1/],
        [{ permissions: "train" }, /MPI is called by FFI, which needs .* run with -P=train-mpi/],
        [
          { env: { MESHFACTOR_MPI_LIBRARY: other } },
          /of 2 by the variables of .*, but rank 0 of 1 by .*MESHFACTOR_MPI_LIBRARY/,
        ],
      ] as const).map(async ([options, wanted]) => {
        const { code, stderr } = await run({ ...ends("forget"), ranks: 2, ...options });
        notEqual(code, 0);
        if (!LAUNCHERS.some((each) => each.missing !== undefined)) match(stderr, wanted);
      }),
    );
  });
}

const noHosts = LAUNCHERS[0].missing ?? await ownHostNamesMissing();
Deno.test({
  name: `between hosts, keyed sums follow the bytes over MPI, and the results are the same${
    noHosts === undefined ? "" : ` [skipped: ${noHosts}]`
  }`,
  ignore: noHosts !== undefined,
  async fn() {
    const [near, apart] = await Promise.all([[], OWN_HOST_NAMES].map(async (before) => {
      const { command } = LAUNCHERS[0];
      const options = { ranks: 2, script: EVERY_CALL, args: ["--bytes"], before };
      const { code, stdout, stderr } = await underMpi(command, options);
      equal(code, 0, stderr);
      return stdout.toSorted().map((line) => line.split(", "));
    }));
    for (const [rank, [digest, bytes]] of near.entries()) {
      equal(apart[rank][0], digest);
      ok(
        Number(apart[rank][1]) > Number(bytes),
        `${apart[rank]} bytes with sums, ${bytes} without`,
      );
    }
  },
});

Deno.test("a rank that joins with another transport is refused", () => {
  const address = { hostname: "127.0.0.1", port: 1 };
  const hello = { kind: "hello", purpose: "join", rank: 1, to: 0, worldSize: 2, address } as const;
  const check = admissionCheck({ rank: 0, worldSize: 2, transport: "mpi" }, () => false);
  equal(check({ ...hello, group: "", transport: "mpi" }), undefined);
  match(
    check({ ...hello, group: "" }) ?? "",
    /Rank 1 uses the transport sockets, rank 0 uses mpi: .*MESHFACTOR_TRANSPORT/,
  );
});

function program(name: string): URL {
  return new URL(`../programs/${name}`, import.meta.url);
}
