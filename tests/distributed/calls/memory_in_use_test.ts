// Calls in flight that would mix their bytes are refused before anything is sent; those that run in turn may share memory.

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";

/** Long enough for many reads and writes. */
const LENGTH = 200_000;

Deno.test("two groups cannot sum the same values at the same time", async () => {
  await inProcessRanks(2, async (world) => {
    const other = await world.createGroup([1, 0]);
    const values = new Float32Array(LENGTH).fill(world.rank + 1);
    const first = world.group.allReduce(values);
    await rejects(
      other.allReduce(values.subarray(LENGTH - 1)),
      /allReduce\(\) of group \[1, 0\] uses memory that allReduce\(\) of group \[0, 1\] is still using.*await that call/,
    );
    await first;
    ok(values.every((value) => value === 3));
    // Afterwards it may, and nothing has been sent that would disturb it.
    await other.allReduce(values);
    ok(values.every((value) => value === 6));
  });
});

Deno.test("a rank cannot receive into what it is sending, or from two peers into one place", async () => {
  await inProcessRanks(3, async ({ group, rank }) => {
    const values = new Float32Array(LENGTH).fill(rank);
    const [right, left] = [(rank + 1) % 3, (rank + 2) % 3];
    const sent = group.send(values, right);
    await rejects(
      group.receive(values, left),
      /receive\(\) .* uses memory that send\(\) .* is still/,
    );
    const received = new Float32Array(LENGTH);
    const one = group.receive(received, left);
    await rejects(group.receive(received.subarray(1), right), /receive\(\) .* that receive\(\) of/);
    await Promise.all([sent, one]);
    ok(received.every((value) => value === left));
  });
});

Deno.test("values may be read by two groups at once, and be shared by calls that run in turn", async () => {
  await inProcessRanks(2, async (world) => {
    const { group } = world;
    const other = await world.createGroup([0, 1]);
    const values = new Float32Array(LENGTH).fill(world.rank + 1);
    const halves = [LENGTH / 2, LENGTH / 2];
    const [a, b] = await Promise.all([
      group.reduceScatter(values, halves),
      other.reduceScatter(values, halves),
    ]);
    deepEqual([a[0], b.at(-1)], [3, 3]);
    await Promise.all([group.allReduce(values), group.allReduce(values), group.barrier()]);
    equal(values[LENGTH - 1], 6);
    const bytes = values.buffer;
    await Promise.all([
      group.allReduce(new Float32Array(bytes, 0, 1000)),
      other.allReduce(new Float32Array(bytes, 4000, 1000)),
    ]);
    deepEqual([values[0], values[1000], values[2000]], [12, 12, 6]);
  });
});

Deno.test("memory is free again after a call that failed", async () => {
  const values = new Float32Array(LENGTH);
  const errors = await inProcessRanks(2, async (world) => {
    const other = await world.createGroup([0, 1]);
    if (world.rank === 1) await world.abort(new Error("as the test asks"));
    await rejects(world.group.allReduce(world.rank === 0 ? values : new Float32Array(LENGTH)));
    return await other.allReduce(world.rank === 0 ? values : new Float32Array(LENGTH))
      .catch((error) => error.message);
  });
  for (const message of errors) ok(!message.includes("is still using"), message);
});
