// Stalls are about life, not speed: a rank that sends a byte now and then, or computes before its call, is waited for, however long it
// takes; a rank that stops is named after the stall timeout. In virtual time.

import { equal, match, ok } from "node:assert/strict";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import { HEADER_BYTES } from "../../../src/distributed/wire/frame.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { simulateGroup } from "../../support/distributed/simulated_group.ts";

const STALL_TIMEOUT_MS = 60_000;
const HOUR_MS = 3600_000;
const COUNT = 12;
const ALL_REDUCE = ["one-shot", "two-shot", "ring"] as const;

for (const allReduce of ALL_REDUCE) {
  Deno.test(`a peer that sends ${allReduce}'s bytes one by one, each just within the stall timeout, is no error`, async () => {
    const { outcomes } = await simulateGroup(
      {
        size: 3,
        seed: 5,
        algorithms: { allReduce },
        capacity: 1,
        limitMs: 4 * HOUR_MS,
        faults: [{
          kind: "dribble",
          from: 0,
          to: 1,
          after: 0,
          intervalMs: 0.95 * STALL_TIMEOUT_MS,
        }],
      },
      sum,
    );
    for (const outcome of outcomes) {
      equal(outcome.status, "fulfilled", "reason" in outcome ? String(outcome.reason) : "");
    }
    const elapsed = outcomes[1].at;
    ok(elapsed > 10 * STALL_TIMEOUT_MS, `it took ${elapsed} ms only, so nothing was slow`);
  });

  Deno.test(`a peer that has sent ${allReduce}'s bytes slowly and stops is named after the stall timeout`, async () => {
    const intervalMs = STALL_TIMEOUT_MS / 2;
    const sent = 7;
    const { outcomes } = await simulateGroup({
      size: 3,
      seed: 6,
      algorithms: { allReduce },
      capacity: 1,
      limitMs: HOUR_MS,
      faults: [
        { kind: "dribble", from: 0, to: 1, after: HEADER_BYTES, intervalMs },
        { kind: "stop", from: 0, to: 1, after: HEADER_BYTES + sent },
      ],
    }, async (group) => {
      await sum(group);
      await group.barrier();
    });
    // The last of them is still in transit.
    const begin = (sent - 1) * intervalMs;
    for (const outcome of outcomes.slice(1)) {
      ok(outcome.status === "rejected" && outcome.reason instanceof PeerLostError);
      // Rank 2 may have its sum and wait in the barrier: the error has the call of the rank that detected the stall first.
      const { rank, op, sequence, message, bytesDone, bytesExpected } = outcome.reason;
      equal(rank, 0);
      match(`${op} ${sequence}`, /^(allReduce 0|barrier 1)$/);
      const done = `after ${bytesDone} of ${bytesExpected} bytes`;
      const where = `${op} ${sequence} of group [0, 1, 2] ${done}`;
      equal(message, `Rank 0 has stalled its peers for 60 s in ${where}: it does not answer`);
      ok(outcome.at >= begin && outcome.at <= begin + 2 * STALL_TIMEOUT_MS, `${outcome.at}`);
    }
  });
}

Deno.test("hours without calls are no error, for any stall timeout", async () => {
  const { outcomes } = await simulateGroup(
    { size: 3, seed: 7, limitMs: 4 * HOUR_MS },
    async (group, { clock }) => {
      await sum(group);
      await new Promise<void>((resolve) => void clock.once(3 * HOUR_MS, resolve));
      await sum(group);
    },
  );
  for (const { status, at } of outcomes) {
    equal(status, "fulfilled");
    ok(at > 3 * HOUR_MS);
  }
});

Deno.test("a peer that computes for hours before its call is waited for, which the lowest waiting rank says each minute", async () => {
  const said: string[] = [];
  const { outcomes } = await simulateGroup(
    { size: 3, seed: 8, limitMs: 4 * HOUR_MS, said },
    async (group, { clock }) => {
      await sum(group);
      if (group.rank === 0) {
        await new Promise<void>((resolve) => void clock.once(2 * HOUR_MS, resolve));
      }
      await sum(group);
    },
  );
  for (const outcome of outcomes) {
    equal(outcome.status, "fulfilled", "reason" in outcome ? String(outcome.reason) : "");
    ok(outcome.at > 2 * HOUR_MS);
  }
  ok(said.length >= 100 && said.length <= 120, `${said.length} messages in 120 minutes`);
  for (const [k, text] of said.entries()) {
    const [, seconds] =
      /^Rank 1 has waited (\d+) s for rank 0 in allReduce 1 of group/.exec(text) ?? [];
    match(text, /: it answers, but has not made that call yet$/);
    ok(Number(seconds) >= 60 * (k + 1) && Number(seconds) <= 75 * (k + 1), text);
  }
});

Deno.test("a peer that stops while it is waited for is named within two stall timeouts", async () => {
  const stopAfterMs = 25 * 60_000;
  const { outcomes, struckAt } = await simulateGroup({
    size: 3,
    seed: 9,
    limitMs: HOUR_MS,
    // So many heartbeats have been sent by then.
    faults: [{ kind: "stop", from: 0, to: 1, after: 9_000, on: "control" }],
  }, async (group, { clock }) => {
    if (group.rank === 0) {
      await new Promise<void>((resolve) => void clock.once(HOUR_MS, resolve));
    }
    await sum(group);
  });
  ok(struckAt !== undefined && struckAt > stopAfterMs / 3, `${struckAt}`);
  for (const outcome of outcomes.slice(1)) {
    ok(outcome.status === "rejected" && outcome.reason instanceof PeerLostError);
    equal(outcome.reason.rank, 0);
    match(outcome.reason.message, /it does not answer/);
    ok(outcome.at - struckAt <= 2 * STALL_TIMEOUT_MS, `${outcome.at - struckAt} ms`);
  }
});

async function sum(group: ProcessGroup): Promise<void> {
  const values = new Float32Array(COUNT).fill(group.rank + 1);
  await group.allReduce(values);
  ok(values.every((value) => value === 6));
}
