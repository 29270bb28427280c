// Closing a rank, at any time, once or more: its own calls reject, the others get an error that it has left, and nothing
// stays open (the simulation requires that of every rank). In virtual time, over many seeds.

import { equal, match, ok } from "node:assert/strict";
import { PeerLostError } from "../../src/distributed/failures/failure.ts";
import { simulateGroup } from "../support/distributed/simulated_group.ts";

const SEEDS = 150;

Deno.test("a rank that closes while the others are in a collective is named by them", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { outcomes } = await simulateGroup({ size: 3, seed }, async (group, { clock, close }) => {
      if (group.rank !== 1) return await group.allReduce(new Float32Array(20));
      await new Promise<void>((resolve) => void clock.once(seed % 40, resolve));
      await close();
    });
    equal(outcomes[1].status, "fulfilled");
    const errors = [outcomes[0], outcomes[2]].map((outcome) => {
      ok(outcome.status === "rejected" && outcome.reason instanceof PeerLostError);
      equal(outcome.reason.rank, 1);
      match(
        outcome.reason.message,
        /^Rank 1 has closed its world in allReduce 0 of group \[0, 1, 2\] after \d+ of \d+ bytes$/,
      );
      return outcome.reason.message;
    });
    equal(errors[0], errors[1]);
  }
});

Deno.test("a rank may close during its own call, and the others get the result or an error", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { outcomes } = await simulateGroup({ size: 3, seed }, async (group, { clock, close }) => {
      const call = group.allReduce(new Float32Array(200));
      if (group.rank !== 1) {
        await call;
        return await group.barrier();
      }
      const rejected = call.then(() => "no error", (error: Error) => error.message);
      await new Promise<void>((resolve) => void clock.once((seed % 40) / 4, resolve));
      await Promise.all([close(), close()]);
      await close();
      // A running call may finish while the rank waits until the others have received what it sent.
      match(await rejected, /^(no error|The world of rank 1 is closed)$/);
      equal(
        await group.barrier().then(() => "no error", (error: Error) => error.message),
        "The world of rank 1 is closed",
      );
    });
    equal(outcomes[1].status, "fulfilled", `seed ${seed}: ${Reflect.get(outcomes[1], "reason")}`);
    for (const outcome of [outcomes[0], outcomes[2]]) {
      ok(outcome.status === "rejected");
      match(
        outcome.reason.message,
        /^Rank 1 has closed its world in (allReduce 0|barrier 1) of group/,
      );
    }
  }
});

Deno.test("ranks that close right after their last call, at once or one by one, all finish without an error", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { outcomes } = await simulateGroup({ size: 3, seed }, async (group, { clock, close }) => {
      const values = new Float32Array(30).fill(1);
      await group.allReduce(values);
      equal(values[29], 3);
      if (seed % 2 === 0) {
        await new Promise<void>((resolve) => void clock.once(seed * group.rank, resolve));
      }
      await close();
    });
    for (const outcome of outcomes) {
      equal(outcome.status, "fulfilled", `seed ${seed}: ${Reflect.get(outcome, "reason")}`);
    }
  }
});

Deno.test("a group that one rank closes is an error for ranks that are in a call of it", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { outcomes } = await simulateGroup({ size: 3, seed }, async (group) => {
      await group.barrier();
      if (group.rank !== 2) return await group.allReduce(new Float32Array(20));
      await Promise.all([group.close(), group.close()]);
      const later = await group.barrier().then(() => "no error", (error: Error) => error.message);
      match(later, /destroyed|closed its connection/);
    });
    for (const outcome of outcomes.slice(0, 2)) {
      ok(outcome.status === "rejected");
      match(
        outcome.reason.message,
        /^Rank 2 has closed its connection to the group in (barrier 0|allReduce 1) of group/,
      );
    }
  }
});
