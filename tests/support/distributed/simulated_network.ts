// Simulated connections between all ranks of a group: sockets, or streams over MPI.

import type { Connection } from "../../../src/distributed/wire/transport.ts";
import { MessageLink, SimulatedMpi, StreamPair } from "./simulated_messages.ts";
import { endOf, type Link, type Travel, type Wire, wires } from "./simulated_wire.ts";

/** Connections between all ranks. */
export interface Network {
  /** From each rank to each. */
  readonly links: readonly (readonly Link[])[];
  /** The end of `rank` of its connection to `peer`; `closed` is called when it is closed. */
  readonly open: (rank: number, peer: number, closed: () => void) => Connection;
}

/** Sockets. */
export function sockets(size: number, travel: Travel, transport: "tcp" | "unix"): Network {
  const links: Wire[][] = Array.from({ length: size }, () => []);
  eachPair(size, (from, to) => {
    const [there, back] = wires(travel);
    links[from][to] = there;
    if (to !== from) links[to][from] = back;
  });
  return {
    links,
    open: (rank, peer, closed) =>
      endOf([links[rank][peer], links[peer][rank]], { closed, transport }),
  };
}

/** Streams over MPI, between ranks of one machine, or else of several. */
export function streams(size: number, travel: Travel, place: "local" | "none"): Network {
  const links: MessageLink[][] = Array.from({ length: size }, () => []);
  eachPair(size, (from, to) => {
    const [there, back] = [new MessageLink(travel), new MessageLink(travel)];
    there.back = back;
    back.back = there;
    links[from][to] = there;
    if (to !== from) links[to][from] = back;
  });
  const ranks = links.map((to, rank) => ({
    rank,
    mpi: new SimulatedMpi({ to, from: links.map((row) => row[rank]) }, travel),
  }));
  const pairs = new Map<string, StreamPair>();
  eachPair(size, (a, b) => {
    const lengths = { messageBytes: travel.longest, numMessages: 1 + travel.random(4) };
    pairs.set(`${a} ${b}`, new StreamPair(ranks[a], ranks[b], lengths));
  });
  return {
    links,
    open(rank, peer, closed) {
      const pair = pairs.get(`${Math.min(rank, peer)} ${Math.max(rank, peer)}`);
      if (pair === undefined) throw new RangeError(`no rank ${peer}`);
      return pair.end(rank < peer ? 0 : 1, place, closed);
    },
  };
}

/** Calls `make` for each two ranks, and for each one with itself. */
function eachPair(size: number, make: (from: number, to: number) => void): void {
  for (let from = 0; from < size; from++) for (let to = from; to < size; to++) make(from, to);
}
