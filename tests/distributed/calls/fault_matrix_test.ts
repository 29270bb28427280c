// Every fault at every byte (of a label, at some) of every connection, in every call and algorithm, in virtual time: the right result, or the same
// error on every surviving rank, which names the culprit, in time.

import { ok } from "node:assert/strict";
import { HEADER_BYTES } from "../../../src/distributed/wire/frame.ts";
import { INTEGRITIES } from "../../../src/distributed/wire/session.ts";
import {
  type Call,
  CALLS,
  FAULT_KINDS,
  type FaultKind,
  FAULTS,
  runWithFault,
} from "../../support/distributed/fault_matrix.ts";
import { simulateGroup } from "../../support/distributed/simulated_group.ts";

/** Bytes between two faults on three ranks; on two ranks there is one after every byte. */
const STRIDES: { readonly [kind in FaultKind]: number } = {
  close: 1,
  damage: 4,
  kill: 4,
  stop: 8,
  cut: 8,
  silence: 4,
};

let runs = 0;

for (const call of CALLS) {
  for (const kind of FAULT_KINDS) {
    Deno.test(`${call.name}: ${FAULTS[kind].name}`, () => atEveryByte(call, kind));
  }
}

Deno.test("thousands of faults were simulated", () => {
  console.log(`${runs} runs`);
  ok(runs > 5_000, `${runs} runs`);
});

/** Runs `call` and two barriers on 2 and 3 ranks, with the fault at every byte of every connection that carries any. */
async function atEveryByte(call: Call, kind: FaultKind): Promise<void> {
  const kinds = kind === "damage" ? INTEGRITIES : ["keyed"] as const;
  for (const [size, integrity] of kinds.flatMap((each) => [[2, each], [3, each]] as const)) {
    const job = { size, algorithms: call.algorithms, transport: "tcp", integrity } as const;
    const whole = await simulateGroup({ ...job, seed: 1 }, call.run);
    for (const [from, row] of whole.bytes.entries()) {
      for (const [to, bytes] of row.entries()) {
        if (from === to) continue;
        const stride = size === 2 ? (integrity === "keyed" ? 1 : 3) : STRIDES[kind];
        for (let after = from % stride; after < bytes; after += stride) {
          // Of the text of the label, which begins each frame's last 60 bytes of header, every 15th.
          const inText = after - (HEADER_BYTES - 60);
          if (inText > 0 && after < HEADER_BYTES && inText % 15 !== 0) continue;
          const seed = runs++;
          const fault = { kind, from, to, after };
          await runWithFault(call, fault, { ...job, seed });
        }
      }
    }
  }
}
