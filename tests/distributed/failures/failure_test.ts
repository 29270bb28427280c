// Ranks that are killed, stop, throw, leave or make other calls: every other rank gets an error that names the culprit.

import { equal, match, ok, rejects } from "node:assert/strict";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import type { World } from "../../../src/distributed/world.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { type RankRun, runRanks } from "../../support/distributed/run_ranks.ts";

const STEPS = new URL("../programs/steps.ts", import.meta.url);

Deno.test("a rank killed during a step is named by all others within 5 s, whether they share a group or not", async () => {
  let killedAt = 0;
  const runs = await runRanks({
    ranks: 4,
    script: STEPS,
    onLine: (rank, text, processes) => {
      if (rank === 2 && text === "step 20") {
        killedAt = performance.now();
        processes[2].kill("SIGKILL");
      }
    },
  });
  const elapsed = performance.now() - killedAt;
  equal(runs[2].signal, "SIGKILL");
  for (const rank of [0, 1, 3]) {
    requireNamed(runs[rank], 2, /Rank 2 is lost: its process ended .* in allReduce \d+ of group/);
  }
  requireSameError(runs, [0, 1, 3]);
  ok(elapsed < 5000, `the others took ${elapsed} ms`);
});

Deno.test("a rank that is stopped is named by all others after the stall timeout", async () => {
  const runs = await runRanks({
    ranks: 4,
    script: STEPS,
    args: ["--stall-timeout-ms", "2000"],
    onLine: (rank, text, processes) => {
      if (rank === 1 && text === "step 20") processes[1].kill("SIGSTOP");
      if (rank !== 1 && text.startsWith("{")) processes[1].kill("SIGKILL");
    },
  });
  for (const rank of [0, 2, 3]) {
    requireNamed(
      runs[rank],
      1,
      /Rank 1 .* in allReduce \d+ of group \[.*\] after \d+ of \d+ bytes/,
    );
    requireNamed(runs[rank], 1, /it does not answer/);
  }
  requireSameError(runs, [0, 2, 3]);
});

Deno.test("a rank that throws is named by all others", async () => {
  const runs = await runRanks({ ranks: 4, script: STEPS, args: ["--throw", "3"] });
  match(runs[3].stderr.join("\n"), /as the test asks/);
  for (const rank of [0, 1, 2]) requireNamed(runs[rank], 3, /Rank 3 is lost/);
});

Deno.test("a rank that leaves while others continue is named by them, and exits without an error itself", async () => {
  const runs = await runRanks({ ranks: 2, script: STEPS, args: ["--leave", "0"] });
  equal(runs[0].code, 0);
  requireNamed(runs[1], 0, /Rank 0 has closed its world in allReduce 20 of group \[0, 1\]/);
});

Deno.test("abort() ends all ranks with an error that names this one and its cause", async () => {
  await inProcessRanks(3, async (world) => {
    if (world.rank === 1) await world.abort(new Error("no data"));
    await rejects(world.group.barrier(), { name: "PeerLostError", rank: 1, message: /no data/ });
  });
});

Deno.test("pending and later calls of all groups reject with the same error", async () => {
  await inProcessRanks(3, async (world) => {
    const other = await world.createGroup([0, 1, 2]);
    if (world.rank === 2) return await world.abort(new Error("enough"));
    const errors = await Promise.all([
      world.group.barrier().catch((error) => error),
      other.allReduce(new Float32Array(3)).catch((error) => error),
      other.barrier().catch((error) => error),
    ]);
    errors.push(
      await world.group.allGather(new Float32Array(1), [1, 1, 1]).catch((error) => error),
    );
    errors.push(await world.createGroup([0, 1]).catch((error) => error));
    ok(errors[0] instanceof PeerLostError);
    equal(errors[0].rank, 2);
    for (const error of errors) equal(error, errors[0]);
  });
});

Deno.test("ranks that make different calls get an error with the difference, on both sides", async () => {
  // Ranks of one process must not share memory, either.
  const values = () => new Float32Array(8);
  const cases: [string, (world: World) => Promise<unknown>, RegExp][] = [
    [
      "count",
      ({ group, rank }) => group.allReduce(new Float32Array(rank === 1 ? 9 : 8)),
      /count (8 on rank \d and 9 on rank 1|9 on rank 1 and 8 on rank \d)/,
    ],
    [
      "op",
      ({ group, rank }) => rank === 1 ? group.barrier() : group.allReduce(values()),
      /op (allReduce on rank \d and barrier on rank 1|barrier on rank 1 and allReduce on rank \d)/,
    ],
    [
      "counts per rank",
      ({ group, rank }) => group.reduceScatter(values(), rank === 1 ? [4, 2, 2] : [2, 4, 2]),
      /digest of the counts per rank/,
    ],
    [
      "root",
      ({ group, rank }) => group.broadcast(values(), rank === 1 ? 0 : 2),
      /root (2 on rank \d and 0 on rank 1|0 on rank 1 and 2 on rank \d)/,
    ],
  ];
  for (const [what, call, expected] of cases) {
    await inProcessRanks(3, async (world) => {
      await world.group.barrier();
      const error = await call(world).then(
        // A rank that finished before the difference was detected gets the error in its next call.
        () => world.group.barrier().catch((later) => later),
        (reason) => reason,
      );
      ok(error instanceof PeerLostError, `${what}: rank ${world.rank} got ${error}`);
      match(error.message, expected);
      match(error.message, / 1 of group \[0, 1, 2\]/);
    }, { stallTimeoutMs: 2000 });
  }
});

Deno.test("a rank that makes its call long after the stall timeout is waited for", async () => {
  await inProcessRanks(4, async (world) => {
    if (world.rank === 2) await new Promise((resolve) => setTimeout(resolve, 2500));
    const values = new Float32Array(5).fill(1);
    await world.group.allReduce(values);
    equal(values[0], 4);
  }, { stallTimeoutMs: 1000 });
});

Deno.test("a rank whose thread computes for longer than the stall timeout is waited for, which a waiting rank says", async () => {
  const script = new URL("../programs/computes.ts", import.meta.url);
  const runs = await runRanks({ ranks: 2, script });
  for (const { code, stderr, stdout } of runs) {
    equal(code, 0, stderr.join("\n"));
    match(stdout.join("\n"), /sum 3/);
  }
  match(runs[0].stderr.join("\n"), /Rank 0 has waited [2-9] s for rank 1 in allReduce 0 of group/);
});

Deno.test("ranks that use two groups in different orders get an error that they wait for each other", async () => {
  await inProcessRanks(2, async (world) => {
    const [a, b] = [await world.createGroup([0, 1]), await world.createGroup([0, 1])];
    const [first, second] = world.rank === 0 ? [a, b] : [b, a];
    await rejects(
      (async () => {
        await first.barrier();
        await second.barrier();
      })(),
      /wait for each other/,
    );
  }, { stallTimeoutMs: 1000 });
});

Deno.test("a slow rank is no error as long as it makes its calls in time", async () => {
  await inProcessRanks(3, async (world) => {
    for (let step = 0; step < 4; step++) {
      if (world.rank === 0) await new Promise((resolve) => setTimeout(resolve, 500));
      await world.group.barrier();
    }
  }, { stallTimeoutMs: 1500 });
});

Deno.test("a group that one rank does not create fails in time, with an error that names that rank", async () => {
  await inProcessRanks(3, async (world) => {
    if (world.rank === 1) {
      while (!world.ended) await new Promise((resolve) => setTimeout(resolve, 20));
      return;
    }
    await rejects(world.createGroup([0, 1, 2]), {
      rank: 1,
      message: /Rank 1 did not connect to the group \[0, 1, 2\] within 1500 ms/,
    });
  }, { timeoutMs: 1500 });
});

Deno.test("the in-process harness ends all ranks when one throws, and throws that error", async () => {
  await rejects(
    inProcessRanks(3, async (world) => {
      if (world.rank === 1) throw new TypeError("the root of it");
      await world.group.barrier();
    }),
    (error) => error instanceof TypeError && error.message === "the root of it",
  );
});

/** All survivors got the same error, to the last byte. */
function requireSameError(runs: readonly RankRun[], survivors: readonly number[]): void {
  const error = survivors.map((rank) => runs[rank].stdout.at(-1));
  equal(new Set(error).size, 1, error.join("\n"));
}

function requireNamed(run: RankRun, culprit: number, message: RegExp): void {
  const last = run.stdout.at(-1) ?? "";
  ok(last.startsWith("{"), `rank ${run.rank} said ${last} and ${run.stderr.join("\n")}`);
  const error = JSON.parse(last);
  equal(error.name, "PeerLostError");
  equal(error.rank, culprit, `rank ${run.rank} named rank ${error.rank}: ${error.message}`);
  equal(error.later, true, "a later call rejects with the same error");
  match(error.message, message);
  equal(run.code, 1);
}
