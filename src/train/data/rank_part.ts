// A rank's part of a batch: contiguous, and as even as it can be.

import { type ShardingGroup, shardRange } from "../../distributed/layout.ts";

/** A rank's part of a batch; the first ranks have more if it does not divide evenly. */
export function partOf<T>(all: readonly T[], { rank, size }: ShardingGroup): readonly T[] {
  const { begin, end } = shardRange(all.length, size, rank);
  return all.slice(begin, end);
}
