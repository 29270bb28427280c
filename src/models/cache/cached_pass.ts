// One forward pass with a cache: the positions of its tokens, and what they attend to.

import type { Device } from "../../device/device.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { LayerCache, SourceKeys } from "./layer_cache.ts";
import { keep } from "../../tensor/scope.ts";

/**
 * Where a pass stores what it computes.
 *
 * @category Models
 */
export interface PassStore {
  /** The cache of one attention layer. */
  layer(owner: object): LayerCache;
  /** The keys and values of an encoder's output for one layer, which `make` computes the first time. */
  source(owner: object, make: () => Promise<SourceKeys>): Promise<SourceKeys>;
  /** Ends the pass, with the number of tokens of each row. */
  end(lengths: readonly number[]): void;
  /** Number of slots of each row, in layers without a window, when the longest row has `length` tokens. */
  slotsFor(length: number): number;
}

/**
 * What a token attends to.
 *
 * @category Models
 */
export interface AttendedKeys {
  /** [B, S, K, F] */
  readonly keys: Tensor;
  /** [B, S, K, F'] */
  readonly values: Tensor;
  /** [B, S], 0 for slots that hold no token of the row; undefined if all do. */
  readonly keyMask: Tensor<"u32"> | undefined;
}

/**
 * A forward pass. Disposing it releases its masks.
 *
 * @category Models
 */
export class CachedPass implements Disposable {
  /** True for the first pass, whose tokens attend to each other as without a cache. */
  readonly isFirst: boolean;
  /** Number of tokens of each row after the pass. */
  readonly lengths: readonly number[];
  readonly #cache: PassStore;
  readonly #device: Device;
  readonly #before: readonly number[];
  readonly #counts: readonly number[];
  /** By number of slots. */
  readonly #masks = new Map<number, Tensor<"u32">>();

  /** A pass of `counts` new tokens after `before` ones, for each row. */
  constructor(cache: PassStore, { device, before, counts }: {
    readonly device: Device;
    readonly before: readonly number[];
    readonly counts: readonly number[];
  }) {
    this.#cache = cache;
    this.#device = device;
    this.#before = before;
    this.#counts = counts;
    this.isFirst = before.every((length) => length === 0);
    this.lengths = before.map((length, row) => length + counts[row]);
  }

  /** Number of tokens of the longest row. */
  get longest(): number {
    return this.lengths.reduce((a, b) => Math.max(a, b), 0);
  }

  /** Number of keys that a token of a later pass attends to in a layer without a window, masked ones included. */
  get numKeys(): number {
    return this.lengths.length === 1 ? this.longest : this.#cache.slotsFor(this.longest);
  }

  /** The positions of tokens [B, T], those of padding included. */
  positions(length: number): Uint32Array {
    return Uint32Array.from(
      { length: this.#before.length * length },
      (_, at) => this.#before[Math.floor(at / length)] + at % length,
    );
  }

  /** The indices among all tokens [B, T] of the last real one of each row. */
  lastTokens(length: number): Uint32Array {
    return Uint32Array.from(this.#counts, (count, row) => row * length + count - 1);
  }

  /** Stores keys and values [B, T, K, F] of the layer `owner`, for later passes. */
  store(owner: object, given: Pick<AttendedKeys, "keys" | "values">, window?: number): void {
    const place = { before: this.#before, counts: this.#counts, window };
    this.#cache.layer(owner).append({ ...given, ...place });
  }

  /** What the token of a later pass attends to in the layer `owner`: all that is stored. */
  attended(owner: object): AttendedKeys {
    const stored = this.#cache.layer(owner).stored(this.lengths);
    return { ...stored, keyMask: this.#maskFor(stored.keys.shape[1]) };
  }

  /** The keys and values of an encoder's output, which `make` computes in the first pass. */
  async source(owner: object, make: () => Promise<SourceKeys>): Promise<SourceKeys> {
    return await this.#cache.source(owner, make);
  }

  /** Ends the pass: its tokens belong to the cache. */
  end(): void {
    this.#cache.end(this.lengths);
  }

  /** Releases the masks. */
  [Symbol.dispose](): void {
    for (const mask of this.#masks.values()) mask.release();
  }

  #maskFor(slots: number): Tensor<"u32"> | undefined {
    if (this.lengths.every((length) => length >= slots)) return undefined;
    const known = this.#masks.get(slots);
    if (known !== undefined) return known;
    const values = Uint32Array.from(
      { length: this.lengths.length * slots },
      (_, at) => at % slots < this.lengths[Math.floor(at / slots)] ? 1 : 0,
    );
    const made = keep(
      Tensor.from(this.#device, values, { shape: [this.lengths.length, slots] }),
    );
    this.#masks.set(slots, made);
    return made;
  }
}
