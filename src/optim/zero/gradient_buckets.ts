// ZeRO stage 2: every rank keeps the gradients of its own rows only.
//
//   backward   parameters, last first, in buckets of about `bucketBytes`; each is reduce-scattered as soon as it is whole
//              (optim/zero/bucket_flight.ts), then released: of g [rows, cols] a rank keeps [rows / size, cols]
//   commit     owned += sum / numRanks, once all buckets of this backward have landed: all of it or nothing
//
// Gradients are sent and added up over ranks in f32. Several backwards add up as they do in `grad`: each mean over
// ranks, and each sum of those over backwards, is rounded to the type of the parameter's gradients, so that f16 overflows in the
// steps in which it does on one rank.
// Order and contents of buckets are a pure function of the parameters, so ranks agree on them; a model uses its parameters
// roughly in the order in which it lists them, so backward completes the last ones first.

import type { DeviceBuffer } from "../../device/device.ts";
import type { GradientReceiver } from "../../tensor/autograd.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { copyRange, type DeviceRange } from "../../tensor/device_range.ts";
import type { FloatType } from "../../tensor/dtype.ts";
import { type Bucket, BucketFlight, type Landed } from "./bucket_flight.ts";
import { packByOwner, type Placed } from "./packing.ts";
import { describeParameters } from "../../tensor/parameter_names.ts";
import { type DataParallelism, numReplicas } from "./zero.ts";

/** The ranks that share gradients, and their portions. */
export interface BucketOptions extends DataParallelism {
  /** A bucket is closed before it would exceed it; a larger parameter has one of its own. */
  readonly bucketBytes: number;
}

interface OwnedBucket extends Bucket {
  /** Mean gradients of this rank's rows, added up; undefined while no parameter of the bucket has one. */
  owned: DeviceBuffer | undefined;
  /** Parameters that have a gradient. */
  readonly present: Set<Parameter>;
}

/** Gradients of this rank's rows. */
export class GradientBuckets implements Disposable {
  readonly #placed: readonly Placed[];
  readonly #bucketBytes: number;
  readonly #buckets: readonly OwnedBucket[];
  readonly #dataParallelism: DataParallelism;
  readonly #bucketOf = new Map<Parameter, OwnedBucket>();

  constructor(placed: readonly Placed[], { bucketBytes, ...dataParallelism }: BucketOptions) {
    this.#placed = placed;
    this.#bucketBytes = bucketBytes;
    this.#dataParallelism = dataParallelism;
    const size = dataParallelism.shardGroup?.size ?? 1;
    this.#buckets = portions(placed.toReversed(), bucketBytes).map((portion) => ({
      parameters: portion.map(({ parameter }) => parameter),
      packing: packByOwner(portion, { size, trailer: portion.length }),
      owned: undefined,
      present: new Set(),
    }));
    for (const bucket of this.#buckets) {
      for (const parameter of bucket.parameters) this.#bucketOf.set(parameter, bucket);
    }
  }

  /** Whether no parameter has a gradient. */
  get isEmpty(): boolean {
    return this.#buckets.every(({ present }) => present.size === 0);
  }

  /** Whether the parameter has a gradient, on all data-parallel ranks alike. */
  has(parameter: Parameter): boolean {
    return this.#bucketOf.get(parameter)!.present.has(parameter);
  }

  /** The gradient of this rank's rows. The parameter must have one. */
  rangeOf(parameter: Parameter): DeviceRange {
    const { owned, packing, parameters } = this.#bucketOf.get(parameter)!;
    const rank = this.#rank;
    const { at, length } = packing.rows[rank][parameters.indexOf(parameter)];
    return { buffer: owned!, offset: at - packing.begins[rank], length, dtype: "f32" };
  }

  /**
   * Adds what `work` gives to the receiver, averaged over all data-parallel ranks, which must all call it.
   *
   * @throws {TypeError} on all ranks if only some of them gave a gradient of a parameter; nothing was added
   */
  async reduceDuring(work: (receiver: GradientReceiver) => Promise<void>): Promise<void> {
    const flight = new BucketFlight(this.#buckets, this.#dataParallelism);
    let landed: readonly Landed[];
    try {
      await work(flight);
      landed = await flight.land();
    } catch (error) {
      await flight.abandon();
      throw error;
    }
    this.#refuseTorn(landed);
    for (const [index, bucket] of this.#buckets.entries()) this.#commit(bucket, landed[index]);
  }

  /** The same gradients, to add others to. */
  copy(): GradientBuckets {
    const options = { ...this.#dataParallelism, bucketBytes: this.#bucketBytes };
    const other = new GradientBuckets(this.#placed, options);
    for (const [index, { owned, present }] of this.#buckets.entries()) {
      if (owned === undefined) continue;
      const { device, byteLength } = owned;
      const bucket = other.#buckets[index];
      bucket.owned = device.allocate(byteLength);
      device.copy(owned, 0, bucket.owned, 0, byteLength);
      for (const parameter of present) bucket.present.add(parameter);
    }
    return other;
  }

  /** Forgets all gradients. */
  clear(): void {
    for (const bucket of this.#buckets) {
      bucket.owned?.[Symbol.dispose]();
      bucket.owned = undefined;
      bucket.present.clear();
    }
  }

  /** As `clear`. */
  [Symbol.dispose](): void {
    this.clear();
  }

  get #rank(): number {
    return this.#dataParallelism.shardGroup?.rank ?? 0;
  }

  #refuseTorn(landed: readonly Landed[]): void {
    const all = numReplicas(this.#dataParallelism);
    const torn = this.#buckets.flatMap(({ parameters }, index) =>
      parameters.filter((_, k) => ![0, all].includes(landed[index].numRanks[k]))
    );
    if (torn.length === 0) return;
    throw new TypeError(
      `Cannot use gradients as only some ranks have one of ${
        describeParameters(torn, [...this.#bucketOf.keys()])
      }: every rank must compute it, or none`,
    );
  }

  #commit(bucket: OwnedBucket, { rows, numRanks }: Landed): void {
    const given = bucket.parameters.filter((_, index) => numRanks[index] > 0);
    if (given.length === 0) return;
    for (const parameter of given) bucket.present.add(parameter);
    const { device } = given[0];
    const { length, byteLength } = rows;
    using sums = device.allocate(byteLength);
    device.write(sums, rows);
    const factor = 1 / numReplicas(this.#dataParallelism);
    if (bucket.owned === undefined) {
      bucket.owned = device.allocate(byteLength);
      device.run("scale", { x: sums, out: bucket.owned }, { length, factor });
    } else {
      device.run("accumulate", { x: sums, out: bucket.owned }, { length, factor });
    }
    for (const parameter of given) roundRange(this.rangeOf(parameter), parameter.gradientDtype);
  }
}

/** Rounds elements in f32 to what another type has. */
function roundRange(range: DeviceRange, dtype: FloatType): void {
  if (dtype === "f32" || range.length === 0) return;
  const { buffer: { device }, length } = range;
  using rounded = device.allocate(4 * Math.ceil(length / 2));
  const there = { buffer: rounded, offset: 0, length, dtype };
  copyRange(range, there);
  copyRange(there, range);
}

/** Neighbours together, up to `bytes` of f32. */
function portions(placed: readonly Placed[], bytes: number): Placed[][] {
  const found: Placed[][] = [];
  let room = 0;
  for (const each of placed) {
    const needed = 4 * each.parameter.length;
    if (found.length === 0 || needed > room) {
      found.push([]);
      room = bytes;
    }
    found.at(-1)!.push(each);
    room -= needed;
  }
  return found;
}
