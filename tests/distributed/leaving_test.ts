// Ranks that leave right after their last call are not taken for lost.

import { equal, match } from "node:assert/strict";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { runRanks } from "../support/distributed/run_ranks.ts";

const BRIEF = new URL("programs/brief.ts", import.meta.url);

Deno.test("a rank may leave while others still read the bytes that it sent", async () => {
  for (let job = 0; job < 20; job++) {
    await inProcessRanks(3, async (world) => {
      const values = new Float32Array(300_000).fill(1);
      await world.group.allReduce(values);
      equal(values.every((value) => value === 3), true);
      if (world.rank === job % 3) await world.close();
    });
  }
});

Deno.test("a rank that was busy while the others left is informed that they left normally", async () => {
  await inProcessRanks(2, async (world) => {
    await world.group.barrier();
    if (world.rank === 0) return await world.close();
    // Blocks the thread: nothing is read, and no timer fires.
    for (const begin = performance.now(); performance.now() < begin + 1200;);
    const error = await world.group.barrier().catch((reason) => reason);
    match(error.message, /^Rank 0 has closed its world in barrier 1 of group/);
  });
});

Deno.test("processes that exit right after their last call all exit without an error, repeatedly", async () => {
  for (let job = 0; job < 5; job++) {
    const runs = await runRanks({ ranks: 4, script: BRIEF });
    for (const { code, stdout, stderr } of runs) {
      equal(code, 0, stderr.join("\n"));
      equal(stdout.at(-1), "sum 4");
    }
  }
});
