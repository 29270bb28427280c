// Faults in the messages of one rank to another, over real MPI: no rank ends as if nothing had happened, none hangs, and those
// that the launcher lets say it name the culprit.
//
// MESHFACTOR_FAULTS=all has every kind in every call, at two drawn places; without it a sample runs.

import { equal, match, notEqual, ok } from "node:assert/strict";
import { HEADER_BYTES } from "../../../src/distributed/wire/frame.ts";
import { CALLS } from "../../support/distributed/fault_matrix.ts";
import {
  LAUNCHERS,
  OWN_HOST_NAMES,
  ownHostNamesMissing,
  underMpi,
} from "../../support/distributed/mpirun.ts";
import { randomBelow } from "../../support/distributed/random_below.ts";

const PROGRAM = new URL("../programs/mpi_fault.ts", import.meta.url);
const IS_WHOLE = Deno.env.get("MESHFACTOR_FAULTS") === "all";
const noHosts = await ownHostNamesMissing();
/** How an error names rank 1, or the connection between ranks 1 and 2. */
const NAMED = {
  kill: /Rank 1 is lost: its process ended without a goodbye/,
  stop: /Rank 1 has stalled its peers for 1\.5 s in \w+ \d+ .*it does not answer/,
  close: /Rank [12] (is lost|has)/,
  silence: /Rank [012] has stalled its peers for 1\.5 s in .*(wait for each other|do not arrive)/,
  damage: /Rank 2 received what rank 1 did not send in .*the keyed sum of a/,
} as const;
type Kind = keyof typeof NAMED;
const KINDS = Object.keys(NAMED) as Kind[];
for (const { command, missing } of LAUNCHERS) {
  for (const kind of KINDS) {
    // Tests of single faults have these.
    if (!IS_WHOLE && (command !== "mpirun.openmpi" || kind === "kill" || kind === "stop")) continue;
    const reason = missing ?? (kind === "damage" ? noHosts : undefined);
    const skipped = reason === undefined ? "" : ` [skipped: ${reason}]`;
    Deno.test({
      name: `${command}: ${kind} in the messages of a rank ends the job and is named${skipped}`,
      ignore: reason !== undefined,
      async fn() {
        const random = randomBelow(KINDS.indexOf(kind));
        for (const { name } of IS_WHOLE ? CALLS : CALLS.slice(0, 1)) {
          // Rank 1 is the root of a reduce, in which it sends nothing: only barriers follow.
          const places = IS_WHOLE && name !== "reduce" ? [0, HEADER_BYTES] : [0];
          for (const begin of places) {
            const after = begin + random(HEADER_BYTES - 10);
            await runFault(command, { kind, call: name, after });
          }
        }
      },
    });
  }
}

interface RunFault {
  readonly kind: Kind;
  readonly call: string;
  readonly after: number;
}

async function runFault(command: string, { kind, call, after }: RunFault): Promise<void> {
  const began = performance.now();
  const { code, stdout, stderr } = await underMpi(command, {
    ranks: 3,
    script: PROGRAM,
    args: [kind, call, `${after}`],
    ...(kind === "damage" ? { before: OWN_HOST_NAMES } : {}),
  });
  const said = `${call}, after ${after} bytes: ${code}\n${stdout.join("\n")}\n${stderr}`;
  ok(performance.now() - began < 30_000, said);
  notEqual(code, 0, said);
  equal(stdout.filter((line) => line === "right").length, 0, said);
  // MPICH ends the others when one has been killed, mostly before they can say so.
  const isEnded = command === "mpirun.mpich" && kind === "kill";
  if (isEnded && !stdout.some((line) => line.startsWith("Rank"))) return;
  match(stdout.join("\n"), NAMED[kind], said);
}
