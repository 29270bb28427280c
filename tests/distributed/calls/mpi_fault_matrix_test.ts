// The fault matrix over MPI, in virtual time: the streams are the real ones, the messages below them are simulated. As MPI sends
// whole messages, faults begin with one of them; a stream that is closed is one whose calls fail, as an MPI does that notices
// that a process is lost.
//
// MESHFACTOR_FAULTS=all has a fault in every message, and damages every byte; without it a sample runs.

import { ok } from "node:assert/strict";
import { INTEGRITIES } from "../../../src/distributed/wire/session.ts";
import {
  type Call,
  CALLS,
  FAULT_KINDS,
  type FaultKind,
  FAULTS,
  runWithFault,
} from "../../support/distributed/fault_matrix.ts";
import {
  simulateGroup,
  type SimulationOptions,
} from "../../support/distributed/simulated_group.ts";

const IS_WHOLE = Deno.env.get("MESHFACTOR_FAULTS") === "all";
/** Messages are longer than a header, or cut it. */
const MESSAGE_BYTES = 48;

let runs = 0;

for (const kind of FAULT_KINDS) {
  Deno.test(`over MPI, in every call: ${FAULTS[kind].name}`, async () => {
    for (const call of CALLS) await inMessages(call, kind);
  });
}

Deno.test("faults over MPI were simulated", () => {
  console.log(`${runs} runs`);
  ok(runs > (IS_WHOLE ? 10_000 : 500), `${runs} runs`);
});

/** Runs `call` on 2 and 3 ranks, with a fault of this kind in the messages of every connection that carries any. */
async function inMessages(call: Call, kind: FaultKind): Promise<void> {
  const isDamage = kind === "damage";
  const stride = IS_WHOLE ? (isDamage ? 1 : 8) : (isDamage ? 97 : 61);
  for (const size of [2, 3]) {
    for (const integrity of isDamage ? INTEGRITIES : ["keyed"] as const) {
      const job: Omit<SimulationOptions, "seed"> = {
        size,
        integrity,
        algorithms: call.algorithms,
        transport: isDamage ? "mpi between hosts" : "mpi",
        longest: MESSAGE_BYTES,
      };
      const { bytes: sent } = await simulateGroup({ ...job, seed: 1 }, call.run);
      for (const [from, row] of sent.entries()) {
        for (const [to, bytes] of row.entries()) {
          if (from === to) continue;
          for (let after = runs % stride; after < bytes; after += stride) {
            await runWithFault(call, { kind, from, to, after }, { ...job, seed: runs++ });
          }
        }
      }
    }
  }
}
