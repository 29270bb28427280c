// Checks an authenticated peer: its world size and rank must fit this job, and its rank must not have joined already.

import type { AdmissionCheck } from "../wire/acceptor.ts";
import type { ResolvedOptions } from "./world_options.ts";

/** The check of this rank's acceptor. */
export function admissionCheck(
  options: Pick<ResolvedOptions, "rank" | "worldSize" | "transport">,
  isLinked: (rank: number) => boolean,
): AdmissionCheck {
  const { rank, worldSize, transport } = options;
  return (hello) => {
    if (hello.worldSize !== worldSize) {
      return `Rank ${hello.rank} has WORLD_SIZE=${hello.worldSize}, rank ${rank} has ${worldSize}`;
    }
    const theirs = hello.transport ?? "sockets";
    if (theirs !== transport) {
      return `Rank ${hello.rank} uses the transport ${theirs}, rank ${rank} uses ${transport}: ` +
        "give all ranks the same (MESHFACTOR_TRANSPORT)";
    }
    if (hello.rank < 0 || hello.rank >= worldSize) {
      return `Rank ${hello.rank} is out of range: ranks are 0 to ${worldSize - 1}`;
    }
    if (hello.to !== rank) return `The connection is for rank ${hello.to}, this is rank ${rank}`;
    if (hello.rank === rank) return alreadyJoined(rank);
    if (hello.purpose === "join") {
      if (rank !== 0) return `Ranks join at rank 0, this is rank ${rank}`;
      if (isLinked(hello.rank)) return alreadyJoined(hello.rank);
    }
    return undefined;
  };
}

/** The reason for refusing a rank that has joined already. */
export function alreadyJoined(rank: number): string {
  return `Rank ${rank} has joined already: give every process of the job its own RANK`;
}
