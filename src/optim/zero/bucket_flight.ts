// One backward's gradients on their way to the ranks that own their rows, bucket by bucket, while backward goes on.
//
//   gradient of a parameter complete -> copied into its bucket -> bucket whole and first in line
//     -> reduce-scatter over the shard group -> all-reduce of the own part over each replica group -> landed
//
// Buckets are sent in the planned order, which all ranks share, whatever order a rank's graph completes gradients in: one after
// the other, and the next is read from the device meanwhile. A parameter that this rank's graph does not use
// counts as zeros; each owner's part ends with a flag per parameter, so that after the sum all ranks know how many had a
// gradient of it, at no further collective.
//
// Failures: the first one is kept, buckets that are not sent yet are dropped, and those under way are awaited.
//
// The model's own backward must not use the groups of the buckets: its calls would come between theirs in another order on
// every rank, which is refused.

import type { DeviceBuffer } from "../../device/device.ts";
import type { AnyTensor, GradientReceiver } from "../../tensor/autograd.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { pollSockets } from "../../tensor/event_loop.ts";
import { spanOf } from "../../tensor/parameter_names.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Packing } from "./packing.ts";
import type { DataParallelism } from "./zero.ts";

/** Parameters whose gradients travel together. */
export interface Bucket {
  readonly parameters: readonly Parameter[];
  /** Parts with one trailing flag per parameter. */
  readonly packing: Packing;
}

/** This rank's part of one bucket: sums over all data-parallel ranks. */
export interface Landed {
  /** Rows of all its parameters, one after the other. */
  readonly rows: Float32Array;
  /** Per parameter, how many ranks had a gradient. */
  readonly numRanks: Float32Array;
}

interface Loading {
  readonly bucket: Bucket;
  readonly loaded: Set<Parameter>;
  /** Parameters that this rank's graph will give a gradient, and has not yet. */
  awaited: Set<AnyTensor>;
  packed: DeviceBuffer | undefined;
}

/** Fills buckets and sends them; for one backward. */
export class BucketFlight implements GradientReceiver {
  readonly #dataParallelism: DataParallelism;
  readonly #loading: readonly Loading[];
  readonly #bucketOf = new Map<AnyTensor, Loading>();
  readonly #landed: Landed[] = [];
  readonly #inFlight: Promise<void>[] = [];
  #numLeft = 0;
  #failure: { readonly reason: unknown } | undefined;
  #socketsMovedAt = performance.now();

  /** `buckets` in the order in which they are sent. */
  constructor(buckets: readonly Bucket[], dataParallelism: DataParallelism) {
    this.#dataParallelism = dataParallelism;
    this.#loading = buckets.map((bucket) => ({
      bucket,
      loaded: new Set(),
      awaited: new Set(),
      packed: undefined,
    }));
    for (const each of this.#loading) {
      for (const parameter of each.bucket.parameters) this.#bucketOf.set(parameter, each);
    }
  }

  /** Sends the leading buckets of whose parameters the graph uses none. */
  begin(leaves: readonly AnyTensor[]): void {
    for (const leaf of leaves) this.#bucketOf.get(leaf)?.awaited.add(leaf);
    this.#sendWhole();
  }

  /** Takes a copy of a parameter's gradient; waits while too many buckets are under way. @throws what stopped a bucket */
  async receive(leaf: AnyTensor, gradient: Tensor): Promise<boolean> {
    const loading = this.#bucketOf.get(leaf);
    if (loading === undefined) return false;
    const { bucket: { packing, parameters }, awaited, loaded } = loading;
    const { device } = gradient;
    loading.packed ??= device.allocate(4 * packing.length);
    const index = parameters.indexOf(leaf as Parameter);
    for (const rows of packing.rows) {
      const { begin, length, at } = rows[index];
      device.copy(gradient.buffer, 4 * begin, loading.packed, 4 * at, 4 * length);
    }
    loaded.add(parameters[index]);
    awaited.delete(leaf);
    this.#sendWhole();
    while (this.#inFlight.length > MAX_IN_FLIGHT) await this.#inFlight[0];
    this.#throwFailure();
    return true;
  }

  /** While buckets are under way, lets the event loop serve the sockets now and then. */
  betweenNodes(): Promise<void> | undefined {
    if (this.#inFlight.length === 0) return undefined;
    if (performance.now() - this.#socketsMovedAt < MS_BETWEEN_SOCKET_TURNS) return undefined;
    return pollSockets().finally(() => this.#socketsMovedAt = performance.now());
  }

  /** This rank's part of every bucket, once all have landed. @throws what stopped one */
  async land(): Promise<readonly Landed[]> {
    await Promise.all(this.#inFlight);
    this.#throwFailure();
    return this.#landed;
  }

  /** Drops the buckets that are not sent and awaits those that are, so that ranks that fail alike stay in step. */
  async abandon(): Promise<void> {
    await Promise.all(this.#inFlight);
    for (const { packed } of this.#loading) packed?.[Symbol.dispose]();
  }

  #sendWhole(): void {
    for (const loading of this.#loading.slice(this.#numLeft)) {
      if (loading.awaited.size > 0) return;
      this.#numLeft += 1;
      const journey = this.#travel(loading, this.#inFlight.at(-1)).catch((reason) => {
        this.#failure ??= { reason };
      });
      this.#inFlight.push(journey);
      journey.then(() => this.#inFlight.splice(this.#inFlight.indexOf(journey), 1));
    }
  }

  async #travel(loading: Loading, before: Promise<void> | undefined): Promise<void> {
    // Reading begins now, and its failure waits until the bucket before has landed.
    const [, read] = await Promise.allSettled([before, readPacked(loading)]);
    if (this.#failure !== undefined) return;
    if (read.status === "rejected") throw read.reason;
    const { packing: { counts }, parameters } = loading.bucket;
    const { shardGroup, replicaGroups } = this.#dataParallelism;
    const rank = shardGroup?.rank ?? 0;
    const label = `gradients of ${spanOf(parameters)}`;
    const part = shardGroup === undefined
      ? read.value
      : await shardGroup.reduceScatter(read.value, counts, { label });
    for (const group of replicaGroups) await group.allReduce(part, { label });
    const numRows = counts[rank] - parameters.length;
    this.#landed.push({ rows: part.subarray(0, numRows), numRanks: part.subarray(numRows) });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }
}

/** The bucket's elements on the host, absent gradients as zeros, flags set; releases the device memory. */
async function readPacked(loading: Loading): Promise<Float32Array> {
  const { bucket: { parameters, packing }, loaded, packed } = loading;
  if (packed === undefined) return new Float32Array(packing.length);
  using own = packed;
  const values = new Float32Array((await own.device.read(own)).buffer);
  for (const [rank, rows] of packing.rows.entries()) {
    const flags = packing.begins[rank] + packing.counts[rank] - parameters.length;
    for (const [index, parameter] of parameters.entries()) {
      const isLoaded = loaded.has(parameter);
      const { at, length } = rows[index];
      if (!isLoaded) values.fill(0, at, at + length);
      values[flags + index] = isLoaded ? 1 : 0;
    }
  }
  return values;
}

/** One being sent and one being read: the most buckets by which backward may be ahead. */
const MAX_IN_FLIGHT = 2;
/** Serving the sockets takes 0.1 ms: at most a tenth of the time. */
const MS_BETWEEN_SOCKET_TURNS = 1;
