// How fast a collective could be at best over Deno's sockets on one machine.
//
//   latency      rounds x half a round trip                      rounds: messages that must wait for one another
//   bandwidth    W / (B min(cores, p) / 2)                       W: bytes that all ranks together must send
//   limit        the larger of both
//
// B is what one process writes and another reads at the same time. Both are busy then, one core each: a pair of cores
// moves B, whichever process runs on it, so p ranks on fewer cores than p share what the cores can do.
// W = 2 (p-1) S for allReduce, (p-1) S for the others. A one-shot allReduce sends more, for the sake of fewer rounds.

import type { Measured } from "./figures.ts";
import { startScript } from "./ours.ts";
import type { Op } from "./sweep.ts";

/** What one kind of socket can do. */
export interface SocketLimit {
  /** Microseconds, median, of a short message there and back. */
  readonly roundTrip: number;
  /** GB/s from one process to another. */
  readonly oneWay: number;
}

/** By kind of socket. */
export interface SocketLimits {
  readonly tcp: SocketLimit;
  readonly unix: SocketLimit;
}

/** The least time that a call can take, and why. */
export interface Limit {
  readonly microseconds: number;
  readonly by: "latency" | "bandwidth";
}

/** The limit of a call that takes `rounds` rounds. */
export function limitOf(
  measured: Measured & { readonly rounds: number },
  { socket, cores }: { readonly socket: SocketLimit; readonly cores: number },
): Limit {
  const { op, ranks, bytes, rounds } = measured;
  const latency = rounds * socket.roundTrip / 2;
  const wireBytes = (op === "allReduce" ? 2 : 1) * (ranks - 1) * bytes;
  const bandwidth = wireBytes / (socket.oneWay * 1e3 * Math.min(cores, ranks) / 2);
  return latency >= bandwidth
    ? { microseconds: latency, by: "latency" }
    : { microseconds: bandwidth, by: "bandwidth" };
}

/** Messages that must wait for one another in `op`; undefined if the algorithm is not known here. */
export function roundsOf(op: Op, algorithm: string, ranks: number): number | undefined {
  switch (algorithm) {
    case "oneShot":
      return 1;
    case "direct":
    case "twoShot":
      return op === "allReduce" ? 2 : 1;
    case "ring":
      return (op === "allReduce" ? 2 : 1) * (ranks - 1);
    case "chain":
      return ranks - 1;
    default:
      return undefined;
  }
}

/** Measures Deno's sockets between two processes. @throws {Error} if one of them fails. */
export async function measureSockets(signal: AbortSignal): Promise<SocketLimits> {
  const folder = await Deno.makeTempDir({ prefix: "meshfactor-bench-" });
  const told = Promise.withResolvers<SocketLimits>();
  const processes = startScript({
    ranks: 2,
    script: new URL("./socket_rank.ts", import.meta.url),
    args: [`${folder}/socket`],
    onLine: (text) => told.resolve(JSON.parse(text)),
  });
  const failed = processes.ended.then((why) => told.reject(new Error(why)));
  const stop = () => told.reject(signal.reason);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await told.promise;
  } finally {
    signal.removeEventListener("abort", stop);
    await processes.stop();
    await failed;
    await Deno.remove(folder, { recursive: true });
  }
}
