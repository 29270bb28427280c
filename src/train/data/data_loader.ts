// Batches of examples for a training loop of one's own.
//
//   order      0 to n - 1, or a permutation that (seed, epoch) alone determine: that of `meshfactor train`
//   batch b    positions b B to (b + 1) B of it
//   rank r     a contiguous part of every batch; the first ranks have more if it does not divide evenly
//
// So the ranks together have the batches of one rank, whatever the mesh. They have equally many batches: one with fewer examples than
// ranks is an error, as a rank without a batch would leave the others waiting.

import { type ShardingGroup, shardRange } from "../../distributed/layout.ts";
import { checkOptions } from "../../tensor/option_names.ts";
import { type Dataset, examplesFrom, type ExampleSource, ExampleStream } from "./loader_source.ts";
import { Permutation } from "./permutation.ts";
import { prefetched } from "./prefetched.ts";
import { partOf } from "./rank_part.ts";

/**
 * Where a batch is in its pass.
 *
 * @category Data
 */
export interface BatchPlace {
  /** The pass, from 0. */
  readonly epoch: number;
  /** Number of the batch in the pass, from 0. */
  readonly index: number;
  /** Number of examples of the batch over all ranks. */
  readonly wholeSize: number;
  /** How many of them belong to ranks before this one. */
  readonly firstRow: number;
}

/**
 * Options of {@linkcode DataLoader}.
 *
 * @category Data
 */
export interface DataLoaderOptions<Example, Batch> {
  /** Number of examples of a batch, over all ranks. */
  readonly batchSize: number;
  /** Whether every pass has an order of its own; iterables keep theirs. Default: false. */
  readonly shuffle?: boolean;
  /** Determines the orders, with the number of the pass: from 0 to 2^32 - 1. Default: 0. */
  readonly seed?: number;
  /** Whether a last batch of fewer examples is left out. Default: false. */
  readonly dropLast?: boolean;
  /** The data-parallel ranks that share every batch, or this one's `{ rank, size }`. Default: one rank has all. */
  readonly processGroup?: ShardingGroup;
  /** How many batches are made while one is used; 0: each when it is asked for. Default: 1. */
  readonly prefetch?: number;
  /** Makes a batch of this rank's examples, such as tensors; called for one batch at a time. Default: the examples as an array. */
  readonly collate?: (
    examples: readonly Example[],
    place: BatchPlace,
  ) => Batch | Promise<Batch>;
}

/**
 * Which part of which pass to go through.
 *
 * @category Data
 */
export interface PassOptions {
  /** The pass, from 0. */
  readonly epoch: number;
  /** Number of batches to leave out, as when a training goes on from a checkpoint. Default: 0. */
  readonly begin?: number;
}

/**
 * Batches of examples from an array, an iterable or `{ length, get(index) }`, shuffled by seed, divided over data-parallel ranks, and
 * made while the one before is used. Each `for await` goes through the next pass; `batches({ epoch })` through a given one. A batch
 * that a loop gets is the caller's to dispose of; those that were made in vain are disposed of here.
 *
 * If batches do not divide evenly, scale a mean of losses by `size * examples.length / place.wholeSize`, so that the mean over the
 * ranks is that of the whole batch.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { DataLoader } from "@meshfactor/adafactor/data";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const rows = Array.from({ length: 10 }, (_, i) => ({ x: [i, i * i], label: i % 2 }));
 * const loader = new DataLoader(rows, {
 *   batchSize: 4,
 *   shuffle: true,
 *   seed: 1,
 *   collate: (examples) => {
 *     const x = Tensor.from(device, examples.flatMap(({ x }) => x), { shape: [examples.length, 2] });
 *     const labels = Tensor.from(device, Uint32Array.from(examples, ({ label }) => label));
 *     return { x, labels, [Symbol.dispose]: () => [x, labels].forEach((t) => t[Symbol.dispose]()) };
 *   },
 * });
 * assert.equal(loader.numBatches, 3);
 * for (let epoch = 0; epoch < 2; epoch++) {
 *   for await (using batch of loader) console.log(batch.x.shape); // [4, 2], [4, 2], [2, 2]
 * }
 * ```
 *
 * @example The part of one of two ranks
 * ```ts
 * import assert from "node:assert/strict";
 * import { DataLoader } from "@meshfactor/adafactor/data";
 *
 * const processGroup = { rank: 1, size: 2 }; // in a program of ranks, mesh.group("data") or world.group
 * const loader = new DataLoader([0, 1, 2, 3, 4, 5, 6], { batchSize: 4, processGroup });
 * const parts: (readonly number[])[] = [];
 * for await (const part of loader) parts.push(part);
 * assert.deepEqual(parts, [[2, 3], [6]]);
 * ```
 *
 * @category Data
 */
export class DataLoader<Example, Batch = readonly Example[]> implements AsyncIterable<Batch> {
  readonly #examples: Dataset<Example> | ExampleStream<Example>;
  readonly #options: Required<Omit<DataLoaderOptions<Example, Batch>, "collate">>;
  readonly #collate: (
    examples: readonly Example[],
    place: BatchPlace,
  ) => Batch | Promise<Batch>;
  #nextEpoch = 0;

  /**
   * Nothing is read before the first pass.
   *
   * @throws {TypeError} if `source` is none, an option is unknown, or an iterable is to be shuffled.
   * @throws {RangeError} if a number is out of range, or a batch has fewer examples than there are ranks.
   */
  constructor(source: ExampleSource<Example>, options: DataLoaderOptions<Example, Batch>) {
    this.#examples = examplesFrom(source);
    checkOptions("DataLoader", options, OPTIONS);
    const { shuffle = false, seed = 0, dropLast = false, prefetch = 1 } = options;
    const { batchSize, processGroup = { rank: 0, size: 1 } } = options;
    requireInteger("batchSize", batchSize, 1);
    requireInteger("prefetch", prefetch, 0);
    requireInteger("seed", seed, 0, 2 ** 32 - 1);
    requireInteger("size of processGroup", processGroup.size, 1);
    requireInteger("rank of processGroup", processGroup.rank, 0, processGroup.size - 1);
    this.#options = { batchSize, shuffle, seed, dropLast, prefetch, processGroup };
    this.#collate = options.collate ?? ((examples) => examples as Batch);
    if (shuffle && this.#examples instanceof ExampleStream) {
      throw new TypeError(
        "DataLoader cannot shuffle an iterable, whose examples come in an order of their own: " +
          "give an array or { length, get(index) }, or leave out `shuffle`",
      );
    }
    this.#requireForAllRanks(batchSize);
    if (!(this.#examples instanceof ExampleStream) && !dropLast) {
      const last = this.#examples.length % batchSize;
      if (last > 0) this.#requireForAllRanks(last);
    }
  }

  /** Number of batches of a pass; undefined for iterables, whose end is not known. */
  get numBatches(): number | undefined {
    const examples = this.#examples;
    if (examples instanceof ExampleStream) return undefined;
    const { batchSize, dropLast } = this.#options;
    const batches = examples.length / batchSize;
    return dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** The batches of the next pass: of pass 0 at first. */
  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    return this.batches({ epoch: this.#nextEpoch });
  }

  /**
   * The batches of a pass, from `begin` on; the next `for await` goes through the pass after it.
   *
   * @throws {RangeError} if a number is out of range, or the last batch of an iterable has fewer examples than there are ranks.
   * @throws {Error} if a generator, or another iterable that can be read once, is to be read a second time.
   */
  batches({ epoch, begin = 0 }: PassOptions): AsyncGenerator<Batch, void, undefined> {
    requireInteger("epoch", epoch, 0);
    requireInteger("begin", begin, 0);
    this.#nextEpoch = epoch + 1;
    return prefetched(this.#made({ epoch, begin }), this.#options.prefetch);
  }

  async *#made({ epoch, begin }: Required<PassOptions>): AsyncGenerator<Batch, void, undefined> {
    const { processGroup: { rank, size } } = this.#options;
    let index = begin;
    for await (const { wholeSize, own } of this.#parts({ epoch, begin })) {
      this.#requireForAllRanks(wholeSize);
      const firstRow = shardRange(wholeSize, size, rank).begin;
      yield await this.#collate(own, { epoch, index, wholeSize, firstRow });
      index++;
    }
  }

  #parts(pass: Required<PassOptions>): AsyncGenerator<Part<Example>, void, undefined> {
    const examples = this.#examples;
    return examples instanceof ExampleStream
      ? this.#partsOfStream(examples, pass)
      : this.#partsOfDataset(examples, pass);
  }

  async *#partsOfDataset(
    examples: Dataset<Example>,
    { epoch, begin }: Required<PassOptions>,
  ): AsyncGenerator<Part<Example>, void, undefined> {
    const { batchSize, shuffle, seed, processGroup } = this.#options;
    const { length } = examples;
    const order = shuffle ? new Permutation(length, { seed, epoch }) : undefined;
    const numBatches = this.numBatches!;
    for (let batch = begin; batch < numBatches; batch++) {
      const first = batch * batchSize;
      const wholeSize = Math.min(batchSize, length - first);
      const positions = Array.from({ length: wholeSize }, (_, k) => first + k);
      const own = await Promise.all(
        partOf(positions, processGroup).map((at) => examples.get(order?.at(at) ?? at)),
      );
      yield { wholeSize, own };
    }
  }

  async *#partsOfStream(
    examples: ExampleStream<Example>,
    { begin }: Required<PassOptions>,
  ): AsyncGenerator<Part<Example>, void, undefined> {
    const { batchSize, dropLast, processGroup } = this.#options;
    let [batch, all]: [number, Example[]] = [0, []];
    for await (const example of examples.pass()) {
      all.push(example);
      if (all.length < batchSize) continue;
      if (batch >= begin) yield { wholeSize: batchSize, own: partOf(all, processGroup) };
      [batch, all] = [batch + 1, []];
    }
    if (all.length > 0 && !dropLast && batch >= begin) {
      yield { wholeSize: all.length, own: partOf(all, processGroup) };
    }
  }

  #requireForAllRanks(count: number): void {
    const { size } = this.#options.processGroup;
    if (count >= size) return;
    const which = count === this.#options.batchSize ? "A batch" : "The last batch";
    throw new RangeError(
      `${which} has ${count} examples for ${size} ranks, and each needs one: ` +
        `choose another batchSize${which === "A batch" ? "" : ", or dropLast"}`,
    );
  }
}

interface Part<Example> {
  readonly wholeSize: number;
  readonly own: readonly Example[];
}

function requireInteger(
  what: string,
  value: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} on` : `${least} to ${most}`;
  throw new RangeError(`DataLoader wants ${what} to be an integer from ${range}, got ${value}`);
}

const OPTIONS: readonly string[] = [
  "batchSize",
  "shuffle",
  "seed",
  "dropLast",
  "processGroup",
  "prefetch",
  "collate",
];
