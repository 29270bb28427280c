// Binding ranks to cores of their own.

import { deepEqual, equal } from "node:assert/strict";
import { parseCores, pinned, shareOf } from "../../../src/distributed/launcher/cores.ts";
import { startRanks } from "../../../src/distributed/launcher/rank_process.ts";

Deno.test("every rank has a contiguous share of the cores; ranks share cores only if there are more ranks than cores", () => {
  const shares = (cores: readonly number[], ranks: number) =>
    Array.from({ length: ranks }, (_, rank) => shareOf(cores, { rank, ranks }));
  deepEqual(shares([0, 1, 2, 3, 4, 5, 6, 7], 2), [[0, 1, 2, 3], [4, 5, 6, 7]]);
  deepEqual(shares([0, 1, 2, 3, 8], 3), [[0], [1, 2], [3, 8]]);
  deepEqual(shares([4, 5], 4), [[4], [4], [5], [5]]);
  deepEqual(shares([3], 2), [[3], [3]]);
  for (let cores = 1; cores < 9; cores++) {
    for (let ranks = 1; ranks <= cores; ranks++) {
      const all = Array.from({ length: cores }, (_, core) => 2 * core);
      deepEqual(shares(all, ranks).flat(), all);
    }
  }
});

Deno.test("lists of cores are parsed as Linux writes them", () => {
  deepEqual(parseCores("0-3,8\n"), [0, 1, 2, 3, 8]);
  deepEqual(parseCores("5"), [5]);
});

Deno.test({
  name: "a rank that is pinned runs on its cores and no other",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const lines = new Map<number, string>();
    const ranks = startRanks({
      ranks: 2,
      script: new URL("../programs/own_cores.ts", import.meta.url).href,
      before: (rank) => pinned(rank, 2),
      onLine: ({ rank, text }) => lines.set(rank, text),
    });
    const outcomes = await Promise.all(ranks.map(({ ended }) => ended));
    deepEqual(outcomes.map(({ code }) => code), [0, 0], [...lines.values()].join());
    for (const rank of [0, 1]) {
      deepEqual(parseCores(lines.get(rank) ?? ""), parseCores(pinned(rank, 2)[2]));
    }
    equal(lines.size, 2);
  },
});
