// The shortest time of a collective over Deno's sockets on one machine.
//
//   exchange     rounds x a bare exchange among p ranks, where every rank sends to every other in a round
//
// is measured with messages of the same number and length, so what a call takes beyond it is ours: headers, fingerprints,
// folds, order. Rounds may overlap, so a long two-shot can be faster. Of other algorithms (ring, chain, a broadcast) it is
// computed from two processes' sockets, as the larger of
//
//   latency      rounds x a round trip                           rounds: messages that must wait for one another
//   bandwidth    W / (B min(cores, p) / 2)                       W: bytes that all ranks together must send
//
// A round takes a whole round trip, not half of one: each rank sends and then sleeps until the other's message wakes it,
// and two ranks that send to each other at the same moment wait as long (measured with nothing of ours in between).
// B is what two processes pass to each other at best, one way or both ways. Both are busy then, a core each: so much a
// pair of cores moves, whichever processes run on it, and p ranks on fewer cores than p share what the cores can do.
// W = 2 (p-1) S for allReduce, (p-1) S for the others. A one-shot allReduce sends more, for the sake of fewer rounds.

import { HEADER_BYTES } from "../../src/distributed/wire/frame.ts";
import { type Measured, quantile } from "./figures.ts";
import type { Op } from "./sweep.ts";

/** The speed of one kind of socket. */
export interface SocketLimit {
  /** Microseconds, median, of a short message there and back. */
  readonly roundTrip: number;
  /** GB/s from one process to another. */
  readonly oneWay: number;
  /** GB/s in sum, when both send at the same time. */
  readonly bothWays: number;
}

/** Calls between two processes that measure a socket, by what they measure. */
export const SOCKET_TESTS = ["roundTrip", "oneWay", "bothWays"] as const;
/** Measurements of a socket. */
export type SocketTest = typeof SOCKET_TESTS[number];

/** The least time that a call can take, and why. */
export interface Limit {
  readonly microseconds: number;
  readonly by: "exchange" | "latency" | "bandwidth";
}

/** The limit of a call that takes `rounds` rounds; `exchange` is what one takes without us, where it was measured. */
export function limitOf(
  measured: Measured & { readonly rounds: number },
  { socket, exchange, cores }: {
    readonly socket: SocketLimit;
    readonly exchange: number | undefined;
    readonly cores: number;
  },
): Limit {
  const { op, ranks, bytes, rounds } = measured;
  if (exchange !== undefined) return { microseconds: rounds * exchange, by: "exchange" };
  const latency = rounds * socket.roundTrip;
  const wireBytes = (op === "allReduce" ? 2 : 1) * (ranks - 1) * bytes;
  const pair = Math.max(socket.oneWay, socket.bothWays) * 1e3;
  const bandwidth = wireBytes / (pair * Math.min(cores, ranks) / 2);
  return latency >= bandwidth
    ? { microseconds: latency, by: "latency" }
    : { microseconds: bandwidth, by: "bandwidth" };
}

/** Bytes that each rank sends to each other in every round; undefined if not all send to all. */
export function messageBytesOf(
  { op, ranks, bytes }: Measured,
  algorithm: string,
): number | undefined {
  if (algorithm === "one-shot") return HEADER_BYTES + bytes;
  const isInParts = algorithm === "two-shot" || (algorithm === "direct" && op !== "broadcast");
  return isInParts ? HEADER_BYTES + bytes / ranks : undefined;
}

/** Messages that must wait for one another in `op`; undefined if the algorithm is not known here. */
export function roundsOf(op: Op, algorithm: string, ranks: number): number | undefined {
  switch (algorithm) {
    case "one-shot":
    case "direct":
      return 1;
    case "two-shot":
      return 2;
    case "ring":
      return (op === "allReduce" ? 2 : 1) * (ranks - 1);
    case "chain":
      return ranks - 1;
    default:
      return undefined;
  }
}

/** The speed of a socket, from microseconds of short round trips and of streams of `STREAM_BYTES`. */
export function socketLimitOf(times: Readonly<Record<SocketTest, readonly number[]>>): SocketLimit {
  return {
    roundTrip: quantile(times.roundTrip, 0.5),
    oneWay: STREAM_BYTES / quantile(times.oneWay, 0.5) / 1e3,
    bothWays: 2 * STREAM_BYTES / quantile(times.bothWays, 0.5) / 1e3,
  };
}

/** Bytes of a short message: a header and little more. */
export const PING_BYTES = 64;
/** Bytes that a stream moves each way. */
export const STREAM_BYTES = 16 << 20;
