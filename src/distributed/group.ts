// A process group: collectives and point-to-point messages over a set of ranks.
//
//   values, counts, options  ->  checked  ->  algorithm from the table  ->  call_runner.ts  ->  result
//
// The calls of a group run one after the other in the order they were made; groups run concurrently. A group of one rank
// moves no bytes: its result is its values.

import { algorithmFor, type AlgorithmTables, parseAlgorithms } from "./calls/algorithm_table.ts";
import {
  type AllToAllOptions,
  bytesOf,
  type CallOptions,
  type Elements,
  elementTypeOf,
  emptyLike,
  kindOf,
  labelOf,
  type ReduceOptions,
  requireCounts,
  requireLength,
  requirePeer,
  requireRoot,
  sum,
} from "./calls/arguments.ts";
import type { GroupHost } from "./calls/blame.ts";
import { CallRunner, type LabelledCollective, type RunnerParts } from "./calls/call_runner.ts";
import type { Memory } from "./calls/engine.ts";
import { algorithmNamed } from "./wire/algorithms.ts";
import type { ElementType } from "./wire/call_kind.ts";

export type { AllToAllOptions, CallOptions, Elements, ReduceOptions } from "./calls/arguments.ts";
export type { GroupHost } from "./calls/blame.ts";

/**
 * Counters of a group, for tests and logs.
 *
 * @category Distributed
 */
export interface GroupCounters {
  /** Finished collectives; 0 in a group of one rank. */
  readonly collectives: number;
  /** Payload and headers, in bytes, written to the wire by this rank. */
  readonly bytesSent: number;
  /** Payload and headers, in bytes, read from the wire by this rank. */
  readonly bytesReceived: number;
}

/** The parts of a group. */
export interface GroupParts extends RunnerParts {
  /** The choice of algorithms. Default: the tables of algorithm_table.ts. */
  readonly algorithms?: AlgorithmTables;
  /** Called when the group is closed. */
  readonly closed?: () => void;
}

/**
 * A set of ranks that run collectives together. Every rank of the group makes the same calls in the same order; values
 * must not be modified until the call's promise settles. Several calls may be pending.
 *
 * Values are a Float32Array, Float64Array, Int32Array, Uint32Array or Float16Array, or a Uint16Array with the option
 * `dtype`. Sums add the ranks' terms as a balanced tree in the order of ranks, (0+1)+(2+3) on four. So if each of a power
 * of two of ranks contributes such a sum of its own parts, the result has the bits of the tree over all parts, however they
 * are distributed over ranks (reduce.rs; except for a ring, which very large groups use: ring.rs states its order). 16-bit
 * floats are summed in f32 and rounded once, and every rank gets the same bits.
 *
 * Calls of the same kind and length are told apart by their `label`: without one, a rank that makes two such calls in another
 * order than its peers gets their values the other way round.
 *
 * Every call rejects with the same `PeerLostError` once a peer is lost, makes a different call, or aborts; and with a
 * RangeError or TypeError, before anything is sent, if its arguments are invalid.
 *
 * @category Distributed
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { launch } from "@meshfactor/adafactor";
 *
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const { group } = world;
 * // Each rank contributes its shard; with one rank the whole is that shard.
 * const whole = await group.allGather(new Float32Array([1, 2]), [2]);
 * assert.deepEqual(whole, new Float32Array([1, 2]));
 * await group.broadcast(whole, 0);
 * await group.barrier();
 * ```
 */
export class ProcessGroup {
  /** This rank's position in the group. */
  readonly rank: number;
  /** Number of ranks in the group. */
  readonly size: number;
  /** Global ranks, in group order. */
  readonly ranks: readonly number[];

  readonly #host: GroupHost;
  readonly #connections: GroupParts["connections"];
  readonly #runner: CallRunner | undefined;
  readonly #whenClosed: (() => void) | undefined;
  readonly #algorithms: AlgorithmTables;
  readonly #countedBefore: { readonly sent: number; readonly received: number };
  #closed = false;

  /** For `World.createGroup` and meshes. */
  constructor(parts: GroupParts) {
    const { host, ranks, connections, algorithms } = parts;
    this.ranks = ranks;
    this.rank = ranks.indexOf(host.rank);
    this.size = ranks.length;
    this.#host = host;
    this.#connections = connections;
    this.#whenClosed = parts.closed;
    this.#algorithms = algorithms ?? parseAlgorithms();
    this.#runner = this.size > 1 ? new CallRunner(parts) : undefined;
    this.#countedBefore = this.#bytes();
  }

  /** The counters so far. */
  get counters(): GroupCounters {
    const { sent, received } = this.#bytes();
    return {
      collectives: this.#runner?.finished ?? 0,
      bytesSent: sent - this.#countedBefore.sent,
      bytesReceived: received - this.#countedBefore.received,
    };
  }

  /**
   * Replaces `values` by their elementwise sum (or `op`) over all ranks; every rank gets the same bits.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { launch } from "@meshfactor/adafactor";
   *
   * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
   * const gradient = new Float32Array([1, 2, 3]);
   * await world.group.allReduce(gradient, { op: "mean" });
   * assert.deepEqual(gradient, new Float32Array([1, 2, 3])); // the mean over one rank
   * ```
   */
  async allReduce(values: Elements, options: ReduceOptions = {}): Promise<void> {
    const kind = kindOf(values, "allReduce", options);
    const algorithm = this.#choose("allReduce", { bytes: values.byteLength, dtype: kind.dtype });
    await this.#run(
      { ...kind, op: "allReduce", algorithm, count: values.length, root: 0 },
      inPlace(values),
      options,
    );
  }

  /** Reduces `values` over all ranks and returns this rank's part; rank r gets `counts[r]` elements, in order. */
  async reduceScatter<T extends Elements>(
    values: T,
    counts: readonly number[],
    options: ReduceOptions = {},
  ): Promise<T> {
    const kind = kindOf(values, "reduceScatter", options);
    requireCounts(counts, this.size, "reduceScatter");
    const count = sum(counts);
    requireLength(values.length, count, "reduceScatter() values as its counts sum up");
    const bytes = values.byteLength;
    const algorithm = this.#choose("reduceScatter", { bytes, dtype: kind.dtype });
    const call = { ...kind, op: "reduceScatter", algorithm, count, counts, root: 0 } as const;
    const begin = sum(counts.slice(0, this.rank));
    const part = emptyLike(values, counts[this.rank]);
    if (this.#runner === undefined) part.set(values);
    if (!algorithmNamed(algorithm).passesPartialSums) {
      await this.#run(call, { values: bytesOf(values), result: bytesOf(part) }, options);
      return part;
    }
    // Partial sums pass through every part.
    const sums = emptyLike(values, count);
    sums.set(values);
    await this.#run(call, inPlace(sums), options);
    part.set(sums.subarray(begin, begin + part.length));
    return part;
  }

  /** Returns the concatenation of all ranks' shards; rank r contributes `counts[r]` elements. */
  async allGather<T extends Elements>(
    shard: T,
    counts: readonly number[],
    options: CallOptions = {},
  ): Promise<T> {
    const kind = kindOf(shard, "allGather", options);
    requireCounts(counts, this.size, "allGather");
    requireLength(shard.length, counts[this.rank], `allGather() elements of rank ${this.rank}`);
    const count = sum(counts);
    const whole = emptyLike(shard, count);
    whole.set(shard, sum(counts.slice(0, this.rank)));
    const algorithm = this.#choose("allGather", { bytes: whole.byteLength, dtype: kind.dtype });
    await this.#run(
      { ...kind, op: "allGather", algorithm, count, counts, root: 0 },
      { values: bytesOf(shard), result: bytesOf(whole) },
      options,
    );
    return whole;
  }

  /** Replaces `values` by rank `root`'s; `root` is a group rank. */
  async broadcast(values: Elements, root: number, options: CallOptions = {}): Promise<void> {
    const kind = kindOf(values, "broadcast", options);
    requireRoot(root, this.size, "broadcast");
    const algorithm = this.#choose("broadcast", { bytes: values.byteLength, dtype: kind.dtype });
    await this.#run(
      { ...kind, op: "broadcast", algorithm, count: values.length, root },
      inPlace(values),
      options,
    );
  }

  /** Replaces rank `root`'s values by their elementwise sum (or `op`) over all ranks; others keep theirs. */
  async reduce(values: Elements, root: number, options: ReduceOptions = {}): Promise<void> {
    const kind = kindOf(values, "reduce", options);
    requireRoot(root, this.size, "reduce");
    const count = values.length;
    const call = { ...kind, op: "reduce", algorithm: "direct", count, root } as const;
    await this.#run(call, inPlace(values), options);
  }

  /** Sends part r of `values` to rank r, and returns the parts received, in the order of ranks. */
  async allToAll<T extends Elements>(values: T, options: AllToAllOptions): Promise<T> {
    const kind = kindOf(values, "allToAll", options);
    const { sendCounts, receiveCounts } = options;
    requireCounts(sendCounts, this.size, "allToAll");
    requireCounts(receiveCounts, this.size, "allToAll");
    requireLength(values.length, sum(sendCounts), "allToAll() values as sendCounts sum up");
    const own = sendCounts[this.rank];
    requireLength(own, receiveCounts[this.rank], "allToAll() elements of sendCounts for oneself");
    const begin = sum(sendCounts.slice(0, this.rank));
    const result = emptyLike(values, sum(receiveCounts));
    const resultBegin = sum(receiveCounts.slice(0, this.rank));
    result.set(values.subarray(begin, begin + own), resultBegin);
    await this.#run(
      {
        ...kind,
        op: "allToAll",
        algorithm: "direct",
        count: 0,
        counts: sendCounts,
        resultCounts: receiveCounts,
        root: 0,
      },
      { values: bytesOf(values), result: bytesOf(result) },
      options,
    );
    return result;
  }

  /** Waits until every rank has called it. */
  async barrier(options: Pick<CallOptions, "signal" | "label"> = {}): Promise<void> {
    const label = labelOf(options.label, "barrier");
    const kind = { dtype: "f32", reduction: "sum", label } as const;
    const call = { ...kind, op: "barrier", algorithm: "direct", count: 0, root: 0 } as const;
    await this.#run(call, { values: EMPTY, result: EMPTY }, options);
  }

  /**
   * Sends `values` to group rank `to`, which must receive as many. The messages from one rank to another arrive in the order
   * in which they were sent. Resolves when they have been written.
   */
  async send(values: Elements, to: number, options: CallOptions = {}): Promise<void> {
    await this.#runner?.send(this.#message("send", values, { peer: to, ...options }));
  }

  /** Fills `values` with the next message from group rank `from`. */
  async receive(values: Elements, from: number, options: CallOptions = {}): Promise<void> {
    await this.#runner?.receive(this.#message("receive", values, { peer: from, ...options }));
  }

  /** Closes this rank's connections of the group; later calls reject. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#runner?.close();
    this.#whenClosed?.();
  }

  async #run(call: LabelledCollective, memory: Memory, { signal }: CallOptions): Promise<void> {
    signal?.throwIfAborted();
    if (this.#runner !== undefined) return await this.#runner.collective(call, { memory, signal });
    this.#host.failure.throwIfAborted();
    if (this.#closed) throw new Error(`The group of rank ${this.ranks[0]} alone is destroyed`);
  }

  #message(
    op: "send" | "receive",
    values: Elements,
    { peer, dtype, signal, label }: CallOptions & { readonly peer: number },
  ): Parameters<CallRunner["send"]>[0] {
    signal?.throwIfAborted();
    requirePeer(peer, { rank: this.rank, size: this.size, op });
    return {
      peer,
      dtype: elementTypeOf(values, op, dtype),
      count: values.length,
      values: bytesOf(values),
      label: labelOf(label, op),
      signal,
    };
  }

  #choose(
    op: keyof AlgorithmTables,
    { bytes, dtype }: { readonly bytes: number; readonly dtype: ElementType },
  ): string {
    if (this.size === 1) return "direct";
    return algorithmFor(op, this.#algorithms[op], { size: this.size, bytes, dtype });
  }

  #bytes(): { readonly sent: number; readonly received: number } {
    let [sent, received] = [0, 0];
    for (const { bytesSent, bytesReceived } of this.#connections.values()) {
      sent += bytesSent;
      received += bytesReceived;
    }
    return { sent, received };
  }
}

function inPlace(values: Elements): Memory {
  const bytes = bytesOf(values);
  return { values: bytes, result: bytes };
}

const EMPTY = new Uint8Array();
