// Tables of algorithms: their choices, and errors for texts that are not tables.

import { equal, throws } from "node:assert/strict";
import { AlgorithmTable, parseAlgorithms } from "../../../src/distributed/calls/algorithm_table.ts";
import { optionsFromEnv } from "../../../src/distributed/launch.ts";
import { HEADER_BYTES } from "../../../src/distributed/wire/frame.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";

Deno.test("a table chooses by bytes, with both ends of a range included", () => {
  const table = new AlgorithmTable(
    "allReduce",
    "one-shot:0-8192;two-shot:8193-4194304;ring:4194305-max",
  );
  const chosen = [0, 8192, 8193, 4194304, 4194305, 1e15].map((bytes) => table.choose(4, bytes));
  equal(chosen.join(), "one-shot,one-shot,two-shot,two-shot,ring,ring");
});

Deno.test("a table chooses by the number of ranks first, and a name without a range is for all bytes", () => {
  const table = new AlgorithmTable(
    "allReduce",
    "2=one-shot|3-16=two-shot:0-99;ring:100-max|17-max=ring",
  );
  const chosen = [[2, 1e9], [3, 99], [16, 100], [17, 0]]
    .map(([size, bytes]) => table.choose(size, bytes));
  equal(chosen.join(), "one-shot,two-shot,ring,ring");
});

Deno.test("the defaults choose an algorithm for every number of ranks and bytes", () => {
  const tables = parseAlgorithms();
  for (const size of [2, 3, 4, 16, 17, 1000]) {
    for (const bytes of [0, 1, 1 << 20, 2 ** 40]) {
      for (const table of Object.values(tables)) table.choose(size, bytes);
    }
  }
});

Deno.test("a text that is not a table is refused with the reason", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    [
      "tree",
      /"tree" in "tree" is not an algorithm of allReduce, which has ring, one-shot, two-shot/,
    ],
    ["ring:0-many", /"0-many" in .* is not a range: write it like 0-8192 or 8193-max/],
    ["ring:1-max", /do not cover 0 bytes/],
    ["ring:0-10", /do not cover 11 bytes/],
    ["ring:0-10;two-shot:12-max", /do not cover 11 bytes/],
    ["ring:0-10;two-shot:10-max", /do not cover 10 bytes, or cover them twice/],
    ["3-max=ring", /do not cover 2 ranks/],
    ["2=ring|4-max=ring", /do not cover 3 ranks/],
    ["", /"" in "" is not an algorithm/],
  ];
  for (const [text, message] of refused) {
    throws(() => parseAlgorithms({ allReduce: text }), message);
  }
  throws(() => parseAlgorithms({ ["barrier" as "allReduce"]: "ring" }), /no choice .* for barrier/);
});

Deno.test("the environment's tables become the world's options", () => {
  const env: Readonly<Record<string, string>> = {
    RANK: "0",
    WORLD_SIZE: "1",
    MASTER_ADDR: "127.0.0.1",
    MASTER_PORT: "1",
    MESHFACTOR_ALLREDUCE: "ring",
    MESHFACTOR_BROADCAST: "chain",
  };
  const { algorithms } = optionsFromEnv({ get: (name) => env[name] });
  equal(JSON.stringify(algorithms), '{"allReduce":"ring","broadcast":"chain"}');
});

Deno.test("the chosen algorithm is the one that runs", async () => {
  const bytes = async (allReduce: string) => {
    const counters = await inProcessRanks(4, async ({ group }) => {
      await group.allReduce(new Float32Array(1000));
      return group.counters.bytesSent;
    }, { algorithms: { allReduce } });
    return counters[0];
  };
  equal(await bytes("ring"), HEADER_BYTES + 1.5 * 4000);
  equal(await bytes("two-shot"), 3 * HEADER_BYTES + 1.5 * 4000);
  equal(await bytes("one-shot"), 3 * HEADER_BYTES + 3 * 4000);
});
