// Keys and values of the tokens that a model has seen, so that the next token costs one token's work and not that of the whole text.
//
//   first pass    tokens [B, T], a text per row, shorter ones padded at their ends     keys and values of real tokens are stored
//   later passes  tokens [B, 1], the next of each text                                 appended, then the token attends to all of its row
//
// Every row has its own length, and its tokens have the positions 0, 1, 2, ... So neither padding nor other rows change what a row
// computes. The caller owns the cache; attention layers find their part of it by themselves, and store what they have: a layer with some
// of the heads (tensor parallelism) stores those.

import { Tensor } from "../../tensor/tensor.ts";
import { CachedPass } from "./cached_pass.ts";
import { LayerCache, slotsFor, type SourceKeys } from "./layer_cache.ts";
import { keep } from "../../tensor/scope.ts";

/**
 * What a pass brings to the cache.
 *
 * @category Models
 */
export interface NewTokens {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T], 1 for real tokens and 0 for padding after them, in the first pass. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
}

/**
 * Keys and values of a batch of texts. Belongs to one model; disposing it releases the memory.
 *
 * @example
 * ```ts
 * import { Decoder, KeyValueCache, newModel } from "@meshfactor/adafactor/models";
 * import { RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const config = { model_type: "gpt2", vocab_size: 16, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 8 };
 * using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
 * using cache = new KeyValueCache();
 * using tokens = Tensor.from(device, [3, 5, 2], { shape: [1, 3], dtype: "u32" });
 * using logits = await model.forward({ tokens, cache });
 * using next = Tensor.from(device, [7], { shape: [1, 1], dtype: "u32" });
 * using nextLogits = await model.forward({ tokens: next, cache });
 * console.log(nextLogits.shape, cache.lengths); // [1, 1, 16], [4]
 * ```
 *
 * @category Models
 */
export class KeyValueCache implements Disposable {
  readonly #layers = new Map<object, LayerCache>();
  readonly #sources = new Map<object, SourceKeys>();
  #lengths: number[] = [];
  /** Number of slots in layers without a window. */
  #slots = 0;

  /** Number of tokens of each row; empty before the first pass. */
  get lengths(): readonly number[] {
    return this.#lengths;
  }

  /**
   * Begins a forward pass.
   *
   * @throws {RangeError} if the cache holds texts and there is not one token for each of them, or real tokens follow padding.
   * @internal
   */
  begin({ tokens, mask }: NewTokens): CachedPass {
    const [batch, length] = tokens.shape;
    if (this.#lengths.length === 0) {
      const counts = realTokens(mask, { batch, length });
      return new CachedPass(this, { device: tokens.device, before: counts.map(() => 0), counts });
    }
    if (length !== 1 || batch !== this.#lengths.length || mask !== undefined) {
      throw new RangeError(
        `A cache of ${this.#lengths.length} texts wants the next token of each, [${this.#lengths.length}, 1] without a mask, got ` +
          `[${batch}, ${length}]${
            mask === undefined ? "" : " with a mask"
          }: take a new cache for other texts`,
      );
    }
    const counts = this.#lengths.map(() => 1);
    return new CachedPass(this, { device: tokens.device, before: this.#lengths, counts });
  }

  /**
   * The cache of one attention layer.
   *
   * @internal
   */
  layer(owner: object): LayerCache {
    const known = this.#layers.get(owner);
    if (known !== undefined) return known;
    const made = new LayerCache();
    this.#layers.set(owner, made);
    return made;
  }

  /**
   * The keys and values of an encoder's output for one cross-attention layer, which `make` computes the first time.
   *
   * @internal
   */
  async source(owner: object, make: () => Promise<SourceKeys>): Promise<SourceKeys> {
    const known = this.#sources.get(owner);
    if (known !== undefined) return known;
    const { keys: computed, values: computedValues, mask } = await make();
    // Later passes need neither, and no result that is computed from them releases them.
    using keys = computed;
    using values = computedValues;
    const kept = {
      keys: keep(keys.copy()),
      values: keep(values.copy()),
      mask: mask && copyOf(mask),
    };
    this.#sources.set(owner, kept);
    return kept;
  }

  /**
   * Number of slots of each row, in layers without a window, when the longest row has `length` tokens.
   *
   * @internal
   */
  slotsFor(length: number): number {
    this.#slots = slotsFor(length, { now: this.#slots });
    return this.#slots;
  }

  /**
   * Ends a forward pass.
   *
   * @internal
   */
  end(lengths: readonly number[]): void {
    this.slotsFor(Math.max(...lengths));
    this.#lengths = [...lengths];
  }

  /** Keeps only these rows, in this order. @throws {RangeError} if there is no such row */
  keep(rows: readonly number[]): void {
    const wrong = rows.find((row) => !(row in this.#lengths));
    if (wrong !== undefined) {
      throw new RangeError(`The cache has ${this.#lengths.length} texts, got the row ${wrong}`);
    }
    for (const layer of this.#layers.values()) layer.keep(rows);
    for (const [owner, source] of this.#sources) {
      this.#sources.set(owner, {
        keys: rowsOf(source.keys, rows),
        values: rowsOf(source.values, rows),
        mask: source.mask && maskRows(source.mask, rows),
      });
      release(source);
    }
    this.#lengths = rows.map((row) => this.#lengths[row]);
  }

  /** Forgets all texts and releases the memory; the cache can be used again. */
  [Symbol.dispose](): void {
    for (const layer of this.#layers.values()) layer[Symbol.dispose]();
    for (const source of this.#sources.values()) release(source);
    this.#layers.clear();
    this.#sources.clear();
    this.#lengths = [];
    this.#slots = 0;
  }
}

/** The number of real tokens of each row. @throws {RangeError} if a row has none, or padding before a real token */
function realTokens(
  mask: Tensor<"u32"> | undefined,
  { batch, length }: { readonly batch: number; readonly length: number },
): number[] {
  if (mask === undefined) return new Array<number>(batch).fill(length);
  return Array.from({ length: batch }, (_, row) => {
    const own = mask.indices!.subarray(row * length, (row + 1) * length);
    const count = own.reduce((sum, isReal) => sum + isReal, 0);
    if (count > 0 && own.subarray(0, count).every((isReal) => isReal === 1)) return count;
    throw new RangeError(
      `A cache wants padding after the tokens of a text, and at least one token, got the mask ${
        own.join(" ")
      } for row ${row}`,
    );
  });
}

function rowsOf(x: Tensor, rows: readonly number[]): Tensor {
  const size = x.length / x.shape[0];
  const kept = keep(Tensor.empty(x.device, x.shape.with(0, rows.length)));
  for (const [to, from] of rows.entries()) {
    x.device.copy(x.buffer, 4 * from * size, kept.buffer, 4 * to * size, 4 * size);
  }
  return kept;
}

function maskRows(mask: Tensor<"u32">, rows: readonly number[]): Tensor<"u32"> {
  const [, length] = mask.shape;
  const values = rows.flatMap((row) => [
    ...mask.indices!.subarray(row * length, (row + 1) * length),
  ]);
  const shape = [rows.length, length];
  return keep(Tensor.from(mask.device, Uint32Array.from(values), { shape }));
}

function copyOf(mask: Tensor<"u32">): Tensor<"u32"> {
  return maskRows(mask, [...new Array(mask.shape[0]).keys()]);
}

function release({ keys, values, mask }: SourceKeys): void {
  keys.release();
  values.release();
  mask?.release();
}
