// A message that its receiver never asks for is an error when the receiver leaves: its sender cannot know.

import { rejects } from "node:assert/strict";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";

for (const length of [0, 3, 1_000_000]) {
  Deno.test(`a rank that leaves without receiving a message of ${length} numbers gets an error that names its sender`, async () => {
    await rejects(
      inProcessRanks(3, async (world) => {
        const { group, rank } = world;
        const values = new Float32Array(length);
        if (rank === 2) await group.send(values, 0, { label: "the first" });
        if (rank === 2) await group.send(values, 0, { label: "the second" });
        if (rank !== 0) return;
        await group.receive(values, 2, { label: "the first" });
        await world.close();
      }),
      new RegExp(
        `Rank 0 has left without receiving what rank 2 sent in group \\[0, 1, 2\\]: message 1, ${length} f32, "the second"`,
      ),
    );
  });
}

Deno.test("ranks that have received all messages leave without an error, whichever leaves first", async () => {
  for (const first of [0, 1]) {
    await inProcessRanks(2, async (world) => {
      const { group, rank } = world;
      const other = await world.createGroup([1, 0]);
      const values = new Float32Array(50_000);
      for (const each of [group, other]) {
        if (rank === 0) await each.send(values, 1 - each.rank);
        else await each.receive(values, 1 - each.rank);
      }
      if (rank === first) await world.close();
    });
  }
});
