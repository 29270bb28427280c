// Calls of one kind and length for different things: a rank that makes them in another order gets an error, not the other's values.

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import type { CallOptions, ProcessGroup } from "../../../src/distributed/group.ts";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import { decodedLabel, encodedLabel, LABEL_BYTES } from "../../../src/distributed/wire/label.ts";
import { findOutOfStep } from "../../../src/distributed/records/out_of_step.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";

type Call = (group: ProcessGroup, options: CallOptions) => Promise<unknown>;

const calls: Readonly<Record<string, Call>> = {
  allReduce: (group, options) => group.allReduce(new Float32Array(4), options),
  reduceScatter: (group, options) => group.reduceScatter(new Float32Array(4), [2, 2], options),
  allGather: (group, options) => group.allGather(new Float32Array(2), [2, 2], options),
  broadcast: (group, options) => group.broadcast(new Float32Array(4), 0, options),
  reduce: (group, options) => group.reduce(new Float32Array(4), 0, options),
  allToAll: (group, options) =>
    group.allToAll(new Float32Array(4), {
      ...options,
      sendCounts: [2, 2],
      receiveCounts: [2, 2],
    }),
  barrier: (group, options) => group.barrier(options),
  "send and receive": (group, options) =>
    group.rank === 0
      ? group.send(new Float32Array(4), 1, options)
      : group.receive(new Float32Array(4), 0, options),
};

for (const [name, call] of Object.entries(calls)) {
  Deno.test(`${name}: other labels on two ranks are an error with both of them on both ranks`, async () => {
    await inProcessRanks(2, async (world) => {
      await call(world.group, { label: "the same" });
      const label = world.rank === 0 ? "weight" : "bias";
      const error = await call(world.group, { label }).then(
        // The sender of a message learns of it in its next call.
        () => world.group.barrier().catch((reason) => reason),
        (reason) => reason,
      );
      ok(error instanceof PeerLostError, String(error));
      match(
        error.message,
        /label "(weight" on rank 0 and "bias" on rank 1|bias" on rank 1 and "weight" on rank 0)/,
      );
    });
  });
}

Deno.test("two sums of one length in another order on one rank are an error, where without labels they are exchanged", async () => {
  const sums = async ({ group, rank }: { group: ProcessGroup; rank: number }, named: boolean) => {
    const loss = Float32Array.of(1);
    const count = Float32Array.of(100);
    const first = rank === 2 ? [count, "count"] as const : [loss, "loss"] as const;
    const second = rank === 2 ? [loss, "loss"] as const : [count, "count"] as const;
    for (const [values, label] of [first, second]) {
      await group.allReduce(values, named ? { label } : {});
    }
    return [loss[0], count[0]];
  };
  const unnamed = await inProcessRanks(3, (world) => sums(world, false));
  deepEqual(unnamed, [[102, 201], [102, 201], [201, 102]]);
  await inProcessRanks(3, async (world) => {
    await rejects(sums(world, true), (error) => {
      ok(error instanceof PeerLostError);
      match(error.message, /label/);
      match(error.message, /"loss" on rank [01]/);
      match(error.message, /"count" on rank 2/);
      return true;
    });
  });
});

Deno.test("a label on one rank only is an error", async () => {
  await inProcessRanks(2, async ({ group, rank }) => {
    const call = group.allReduce(new Float32Array(1), rank === 0 ? {} : { label: "loss" });
    await rejects(call, { name: "PeerLostError", message: /\(none\).*"loss"|"loss".*\(none\)/ });
  });
});

Deno.test("a label that is no string is refused before anything is sent", async () => {
  await inProcessRanks(2, async ({ group }) => {
    const options = { label: 7 } as unknown as CallOptions;
    await rejects(group.allReduce(new Float32Array(1), options), {
      name: "TypeError",
      message: "allReduce() needs a label that is a string, got number",
    });
    await rejects(group.barrier(options), TypeError);
    await rejects(group.send(new Float32Array(1), 1 - group.rank, options), TypeError);
    await group.barrier();
  });
});

Deno.test("a label is decoded as it was encoded; a long one keeps its beginning, its end and what distinguishes it", () => {
  const decoded = (label: string) => decodedLabel(encodedLabel(label));
  for (const label of ["", "w", "model.layers.17.self_attn.q_proj.weight", "é".repeat(30)]) {
    equal(decoded(label), label);
  }
  const long = (layer: number) =>
    `begins here ${"-".repeat(80)} ${layer} ${"-".repeat(80)} ends here`;
  match(decoded(long(1))!, /^begins here -+~[0-9a-f]{8}~-+ ends here$/);
  ok(decoded(long(1)) !== decoded(long(2)));
  for (const label of ["a\0b", "\0", "😀".repeat(40), "é".repeat(31), "x".repeat(61)]) {
    equal(encodedLabel(label).length, LABEL_BYTES);
    ok(decoded(label) !== undefined, label);
  }
  for (let k = 0; k < 10_000; k++) equal(decoded(`step ${k}`), `step ${k}`);
});

Deno.test("a label with any byte changed is refused", () => {
  for (const label of ["", "weight", "x".repeat(60)]) {
    for (let at = 0; at < LABEL_BYTES; at++) {
      const bytes = encodedLabel(label).slice();
      bytes[at] ^= 1;
      equal(decodedLabel(bytes), undefined, `${label} at ${at}`);
    }
  }
});

Deno.test("the analysis of dumps names the labels of calls that differ by them alone", async () => {
  const dumps = await inProcessRanks(2, async (world) => {
    const label = world.rank === 0 ? "weight" : "bias";
    await world.group.allReduce(new Float32Array(4), { label }).catch(() => {});
    return world.dump();
  });
  const [{ reason }] = findOutOfStep(dumps);
  match(reason, /allReduce of 4 f32 for "weight"/);
  match(reason, /allReduce of 4 f32 for "bias"/);
});
