// The limits of Deno's sockets, computed by hand for small cases.

import assert from "node:assert/strict";
import {
  limitOf,
  messageBytesOf,
  roundsOf,
  socketLimitOf,
  STREAM_BYTES,
} from "../../bench/collectives/limits.ts";
import { HEADER_BYTES } from "../../src/distributed/wire/frame.ts";

const SOCKET = { roundTrip: 20, oneWay: 1.5, bothWays: 2 };

Deno.test("limitOf() is a round trip per round while messages are short", () => {
  const call = { op: "allReduce", ranks: 4, bytes: 8, rounds: 2 } as const;
  assert.deepEqual(limitOf(call, { socket: SOCKET, exchange: undefined, cores: 4 }), {
    microseconds: 40,
    by: "latency",
  });
});

Deno.test("limitOf() shares what the cores can move among the ranks when messages are long", () => {
  // 2 ranks: each sends 1 MB and takes 1 MB; one pair of cores moves 2 MB at 2 GB/s.
  const two = { op: "allReduce", ranks: 2, bytes: 1_000_000, rounds: 2 } as const;
  assert.deepEqual(limitOf(two, { socket: SOCKET, exchange: undefined, cores: 2 }), {
    microseconds: 1000,
    by: "bandwidth",
  });
  // The better of one way and both ways counts.
  const oneWay = { ...SOCKET, oneWay: 4 };
  assert.equal(limitOf(two, { socket: oneWay, exchange: undefined, cores: 2 }).microseconds, 500);
  // 4 ranks send 6 MB together: through one pair of cores, through two pairs, and no faster with more cores.
  const four = { ...two, ranks: 4 };
  const limits = [2, 4, 64].map((cores) =>
    limitOf(four, { socket: SOCKET, exchange: undefined, cores }).microseconds
  );
  assert.deepEqual(limits, [3000, 1500, 1500]);
});

Deno.test("limitOf() counts half as many bytes for collectives that only scatter, gather or copy", () => {
  for (const op of ["reduceScatter", "allGather", "broadcast"] as const) {
    const call = { op, ranks: 2, bytes: 1_000_000, rounds: 1 };
    assert.equal(
      limitOf(call, { socket: SOCKET, exchange: undefined, cores: 2 }).microseconds,
      500,
    );
  }
});

Deno.test("limitOf() is a bare exchange per round where that was measured", () => {
  const call = { op: "allReduce", ranks: 4, bytes: 1_000_000, rounds: 2 } as const;
  const limit = limitOf(call, { socket: SOCKET, exchange: 70, cores: 2 });
  assert.deepEqual(limit, { microseconds: 140, by: "exchange" });
});

Deno.test("messageBytesOf() is a header and what a rank sends to each other in a round", () => {
  const call = { op: "allReduce", ranks: 4, bytes: 1000 } as const;
  assert.equal(messageBytesOf(call, "one-shot"), HEADER_BYTES + 1000);
  assert.equal(messageBytesOf(call, "two-shot"), HEADER_BYTES + 250);
  assert.equal(messageBytesOf(call, "ring"), undefined);
  assert.equal(messageBytesOf({ ...call, op: "allGather" }, "direct"), HEADER_BYTES + 250);
  assert.equal(messageBytesOf({ ...call, op: "broadcast" }, "direct"), undefined);
});

Deno.test("roundsOf() counts the messages that wait for one another", () => {
  assert.equal(roundsOf("allReduce", "ring", 4), 6);
  assert.equal(roundsOf("reduceScatter", "ring", 4), 3);
  assert.equal(roundsOf("allReduce", "two-shot", 4), 2);
  assert.equal(roundsOf("allGather", "direct", 4), 1);
  assert.equal(roundsOf("broadcast", "chain", 4), 3);
  assert.equal(roundsOf("allReduce", "one-shot", 4), 1);
  assert.equal(roundsOf("allReduce", "magic", 4), undefined);
});

Deno.test("socketLimitOf() takes medians, and counts both directions of a stream both ways", () => {
  const limit = socketLimitOf({
    roundTrip: [30, 10, 20],
    oneWay: [STREAM_BYTES / 1e3, 1, STREAM_BYTES],
    bothWays: [STREAM_BYTES / 1e3],
  });
  assert.deepEqual(limit, { roundTrip: 20, oneWay: 1, bothWays: 2 });
});
