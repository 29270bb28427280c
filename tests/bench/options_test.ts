// The command line of the benchmark of collectives.

import assert from "node:assert/strict";
import { parseOptions } from "../../bench/collectives/options.ts";

Deno.test("parseOptions() sweeps allReduce from 8 B to 128 MiB on 2 and 4 ranks by default", () => {
  assert.deepEqual(parseOptions([]), {
    begin: 8,
    end: 128 << 20,
    factor: 2,
    ranks: [2, 4],
    ops: ["allReduce"],
    transports: ["unix"],
    algorithms: [{}],
    peers: [],
    turns: 3,
    check: "on",
    cores: "any",
    format: "table",
  });
});

Deno.test("parseOptions() takes nccl-tests' short flags and lists", () => {
  const line =
    "-b 1K -e 1M -f 4 --ranks 3 --op allGather --transport tcp,unix --peer mpi,gloo -n 5 -w 0 --turns 1";
  assert.deepEqual(
    parseOptions([
      ...line.split(" "),
      "--algorithm",
      "ring",
      "direct",
      "--no-check",
      "--pin",
      "--json",
    ]),
    {
      begin: 1024,
      end: 1 << 20,
      factor: 4,
      ranks: [3],
      ops: ["allGather"],
      transports: ["tcp", "unix"],
      algorithms: [{ allGather: "ring" }, { allGather: "direct" }],
      peers: ["mpi", "gloo"],
      iterations: 5,
      warmup: 0,
      turns: 1,
      check: "off",
      cores: "own",
      format: "json",
    },
  );
});
