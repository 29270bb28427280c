// Whom a rank refuses although he holds the secret: who is of another job's shape, of no rank, or of a rank that is taken.

import type { AdmissionCheck } from "../wire/acceptor.ts";
import type { ResolvedOptions } from "./world_options.ts";

/** Whom this rank's acceptor refuses, and why. */
export function admissionCheck(
  options: Pick<ResolvedOptions, "rank" | "worldSize">,
  isLinked: (rank: number) => boolean,
): AdmissionCheck {
  const { rank, worldSize } = options;
  return (hello) => {
    if (hello.worldSize !== worldSize) {
      return `Rank ${hello.rank} says WORLD_SIZE=${hello.worldSize}, rank ${rank} says ${worldSize}`;
    }
    if (hello.rank < 0 || hello.rank >= worldSize) {
      return `Rank ${hello.rank} is out of range: ranks are 0 to ${worldSize - 1}`;
    }
    if (hello.to !== rank) return `Rank ${hello.to} was wanted, this is rank ${rank}`;
    if (hello.rank === rank) return alreadyJoined(rank);
    if (hello.purpose === "join") {
      if (rank !== 0) return `Only rank 0 lets ranks join, this is rank ${rank}`;
      if (isLinked(hello.rank)) return alreadyJoined(hello.rank);
    }
    return undefined;
  };
}

/** Why a rank that has joined is refused when it comes again. */
export function alreadyJoined(rank: number): string {
  return `Rank ${rank} has joined already: give every process of the job its own RANK`;
}
