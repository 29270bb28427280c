// Groups of the same ranks run concurrently: neither a stalled nor a long call delays the calls of another group.

import { deepEqual, equal } from "node:assert/strict";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";

Deno.test("a stalled group does not delay another group of the same ranks", async () => {
  await inProcessRanks(2, async (world) => {
    const other = await world.createGroup([1, 0]);
    const gate = world.rank === 0 ? undefined : world.group.barrier();
    const values = Float32Array.of(world.rank + 1);
    await other.allReduce(values);
    equal(values[0], 3);
    equal(other.rank, 1 - world.rank, "the order of the ranks is kept");
    await (gate ?? world.group.barrier());
  });
});

Deno.test("a long call of one group does not delay short calls of another group of the same ranks", async () => {
  await inProcessRanks(2, async (world) => {
    const other = await world.createGroup([0, 1]);
    const ended: string[] = [];
    const long = new Float32Array(LONG).fill(world.rank + 1);
    const longCall = world.group.allReduce(long).then(() => ended.push("long"));
    for (let call = 0; call < 3; call++) {
      const short = Float32Array.of(world.rank + 1);
      await other.allReduce(short);
      equal(short[0], 3);
      ended.push("short");
    }
    await longCall;
    deepEqual(ended, ["short", "short", "short", "long"]);
    deepEqual([long[0], long[LONG - 1]], [3, 3]);
  });
});

/** Elements that take hundreds of reads. */
const LONG = 16 << 20;
