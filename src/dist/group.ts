// CONTRACT (to be implemented by src/dist's author): the public face of a process group.

/** Counts of what a group has moved, for tests and logs. */
export interface GroupCounters {
  /** Collectives finished. */
  readonly collectives: number;
  /** Payload and headers, in bytes, written to the wire by this rank. */
  readonly bytesSent: number;
  /** Payload and headers, in bytes, read from the wire by this rank. */
  readonly bytesReceived: number;
}

/** A set of ranks that run collectives together, in the same order on every rank. */
export interface ProcessGroup {
  /** This rank's position in the group. */
  readonly rank: number;
  /** Number of ranks in the group. */
  readonly size: number;
  /** Global ranks, in group order. */
  readonly ranks: readonly number[];
  readonly counters: GroupCounters;
  /** Replaces `values` by its elementwise sum over all ranks; every rank gets the same bits. */
  allReduce(values: Float32Array): Promise<void>;
  /** Sums `values` over ranks and returns this rank's part; `counts[r]` elements go to rank r, in order. */
  reduceScatter(values: Float32Array, counts: readonly number[]): Promise<Float32Array>;
  /** Returns all ranks' shards one after the other; rank r contributes `counts[r]` elements. */
  allGather(shard: Float32Array, counts: readonly number[]): Promise<Float32Array>;
  /** Replaces `values` by rank `root`'s. */
  broadcast(values: Float32Array, root: number): Promise<void>;
  /** Waits until every rank has called it. */
  barrier(): Promise<void>;
}
