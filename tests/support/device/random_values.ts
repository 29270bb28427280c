// Seeded random operands: the same in every run and on every device.

import { storageTypes } from "../../../src/device/storage_types.ts";
import { nearest } from "../../reference/storage.ts";

/** Draws operands; numbers follow from the seed alone. */
export class RandomValues {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  /** `length` numbers, uniform in [-scale, scale). */
  signed(length: number, scale = 1): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length }, () => scale * (2 * this.next() - 1));
  }

  /** `length` numbers, uniform in [0.5, 1.5). */
  positive(length: number): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length }, () => 0.5 + this.next());
  }

  /** `length` elements of a storage type, uniform in [-1, 1); 16-bit ones two to a word. */
  stored(length: number, type: number): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
    const values = this.signed(length);
    if (type === storageTypes.f32) return values;
    const halves = new Uint16Array(length + length % 2);
    values.forEach((value, i) => halves[i] = nearest(value, type));
    return new Uint32Array(halves.buffer);
  }

  /** `length` integers from 0 to `limit` - 1. */
  indices(length: number, limit: number): Uint32Array<ArrayBuffer> {
    return Uint32Array.from({ length }, () => Math.floor(limit * this.next()));
  }
}

/** Lengths around the widths of SIMD and workgroups, and a prime. */
export const ODD_LENGTHS: readonly number[] = [0, 1, 3, 63, 64, 65, 257, 1031];

/** [rows, cols] around the same, either or both 0 too. */
export const ODD_SHAPES: readonly (readonly [number, number])[] = [
  [0, 5],
  [5, 0],
  [1, 1],
  [1, 65],
  [64, 1],
  [7, 3],
  [3, 257],
  [63, 64],
  [65, 63],
  [131, 37],
];
