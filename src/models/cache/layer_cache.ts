// The keys and values [B, C, K, F] of one attention layer: B texts, memory for C tokens of each, K heads of F features.
//
// Token p of a text is stored in slot p; with a sliding window of W tokens, in slot p mod W, where it replaces the one that is no longer
// seen. The order of keys does not matter to attention, as positions are encoded in the keys. Memory grows by a quarter at a time.

import { Tensor } from "../../tensor/tensor.ts";
import { keep } from "../../tensor/scope.ts";

/**
 * Keys and values of an encoder's output [B, S, K, F], and its mask [B, S].
 *
 * @category Models
 */
export interface SourceKeys {
  /** [B, S, K, F] */
  readonly keys: Tensor;
  /** [B, S, K, F'] */
  readonly values: Tensor;
  /** [B, S], 0 for padding; undefined if there is none. */
  readonly mask: Tensor<"u32"> | undefined;
}

/**
 * New keys and values of one layer.
 *
 * @category Models
 */
export interface NewKeys {
  /** [B, T, K, F] */
  readonly keys: Tensor;
  /** [B, T, K, F'] */
  readonly values: Tensor;
  /** Number of tokens of each row that are stored already. */
  readonly before: readonly number[];
  /** Number of real tokens of each row; padding after them is not stored. */
  readonly counts: readonly number[];
  /** W; undefined for all tokens. */
  readonly window: number | undefined;
}

/**
 * The part of a cache that one attention layer uses.
 *
 * @category Models
 */
export class LayerCache implements Disposable {
  #keys: Tensor | undefined;
  #values: Tensor | undefined;

  /** Stores new keys and values after those of their rows. */
  append({ keys, values, before, counts, window = Infinity }: NewKeys): void {
    const most = before.reduce((most, length, row) => Math.max(most, length + counts[row]), 0);
    const slots = slotsFor(most, { window, now: this.#keys?.shape[1] ?? 0 });
    this.#keys = withSlots(this.#keys, slots, keys);
    this.#values = withSlots(this.#values, slots, values);
    for (const [row, count] of counts.entries()) {
      const end = before[row] + count;
      let position = Math.max(before[row], end - window);
      while (position < end) {
        const slot = position % window;
        const run = Math.min(end - position, slots - slot);
        const from = { row, index: position - before[row] };
        copyRun(keys, this.#keys, { from, to: { row, index: slot }, run });
        copyRun(values, this.#values, { from, to: { row, index: slot }, run });
        position += run;
      }
    }
  }

  /**
   * All keys and values: those of the only row, or of C slots of every row, of which those beyond a row's length must be masked. They
   * share the memory of the cache.
   */
  stored(lengths: readonly number[]): { readonly keys: Tensor; readonly values: Tensor } {
    const [keys, values] = [this.#keys!, this.#values!].map((x) => {
      const [rows, slots, ...rest] = x.shape;
      return x.alias([rows, rows === 1 ? Math.min(lengths[0], slots) : slots, ...rest]);
    });
    return { keys, values };
  }

  /** Keeps only these rows, in this order. */
  keep(rows: readonly number[]): void {
    const [keys, values] = [this.#keys!, this.#values!].map((x) => {
      const kept = keep(Tensor.empty(x.device, x.shape.with(0, rows.length)));
      for (const [row, from] of rows.entries()) {
        const run = x.shape[1];
        copyRun(x, kept, { from: { row: from, index: 0 }, to: { row, index: 0 }, run });
      }
      x.release();
      return kept;
    });
    this.#keys = keys;
    this.#values = values;
  }

  /** Releases the memory. */
  [Symbol.dispose](): void {
    this.#keys?.release();
    this.#values?.release();
    this.#keys = undefined;
    this.#values = undefined;
  }
}

/** C for texts of up to `length` tokens, where there are `now` slots. */
export function slotsFor(
  length: number,
  { window = Infinity, now }: { readonly window?: number | undefined; readonly now: number },
): number {
  if (Math.min(length, window) <= now) return now;
  const wanted = Math.max(length, now + Math.floor(now / 4));
  return Math.min(Math.ceil(wanted / STEP) * STEP, window);
}

/** Slots are added in multiples of this many. */
const STEP = 32;

/** `x` with as many slots, of which new ones are 0; `like` has its other dims. */
function withSlots(x: Tensor | undefined, slots: number, like: Tensor): Tensor {
  if (x !== undefined && x.shape[1] === slots) return x;
  // Masked values must be finite.
  const grown = zeros(like, slots);
  if (x === undefined) return grown;
  for (let row = 0; row < x.shape[0]; row++) {
    const at = { row, index: 0 };
    copyRun(x, grown, { from: at, to: at, run: x.shape[1] });
  }
  x.release();
  return grown;
}

function zeros({ device, shape }: Tensor, slots: number): Tensor {
  const made = keep(Tensor.empty(device, shape.with(1, slots)));
  device.run("fill", { out: made.buffer }, { offset: 0, length: made.length, value: 0 });
  return made;
}

interface Slot {
  readonly row: number;
  readonly index: number;
}

/** Copies `run` tokens of one row. */
function copyRun(
  x: Tensor,
  out: Tensor,
  { from, to, run }: { readonly from: Slot; readonly to: Slot; readonly run: number },
): void {
  const size = 4 * x.shape[2] * x.shape[3];
  const offset = ({ shape }: Tensor, { row, index }: Slot) => size * (row * shape[1] + index);
  x.device.copy(x.buffer, offset(x, from), out.buffer, offset(out, to), size * run);
}
