// Elements as operands store them: f32 one to a word, 16-bit ones two to a u32 word, the first in the low half.

import { storageTypes } from "../../src/device/storage_types.ts";

/** Turns a number into the bits of a 16-bit element; `index` counts the operand's elements. */
export type Rounding = (value: number, index: number) => number;

/** The first `length` elements of an operand. */
export function elementsOf(operand: Float64Array, type: number, length: number): Float64Array {
  if (type === storageTypes.f32) return operand.slice(0, length);
  const halves = new Uint16Array(Uint32Array.from(operand).buffer);
  return Float64Array.from(halves.subarray(0, length), (bits) => widened(bits, type));
}

/** Writes `elements` back to the operand of `elementsOf`; 16-bit ones go through `round`, by default to the nearest. */
export function storeElements(
  operand: Float64Array,
  { type, elements, round }: {
    readonly type: number;
    readonly elements: Float64Array;
    readonly round?: Rounding;
  },
): void {
  if (type === storageTypes.f32) {
    operand.set(elements);
    return;
  }
  const words = Uint32Array.from(operand);
  const halves = new Uint16Array(words.buffer);
  const narrow = round ?? ((value) => nearest(value, type));
  elements.forEach((value, index) => {
    // What did not change keeps its bits.
    if (!Object.is(widened(halves[index]!, type), value)) halves[index] = narrow(value, index);
  });
  operand.set(words);
}

/** The value of a 16-bit element. */
export function widened(bits: number, type: number): number {
  word[0] = type === storageTypes.f16 ? bits : bits << 16;
  return type === storageTypes.f16 ? asHalf[0]! : asSingle[0]!;
}

/** A number's nearest 16-bit element, ties to even. */
export function nearest(value: number, type: number): number {
  if (type === storageTypes.f16) {
    asHalf[0] = value;
    return word[0]! & 0xffff;
  }
  const bits = bitsOf(value);
  if (Number.isNaN(value)) return bits >>> 16 | 0x40;
  return (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
}

/**
 * A number rounded up or down to a 16-bit element as random bits say, so that the mean over all of them is the number.
 * A finite one never becomes infinite.
 */
export function stochastic(value: number, type: number, random: number): number {
  const bits = bitsOf(value);
  const sign = bits >>> 16 & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude >= INFINITE) return nearest(value, type);
  if (type === storageTypes.bf16) {
    return sign | Math.min((magnitude + (random & 0xffff)) >>> 16, 0x7f7f);
  }
  if (magnitude >= SMALLEST_NORMAL_F16) {
    const rounded = (magnitude + (random & 0x1fff) - REBIAS) >>> 13;
    return sign | Math.min(rounded, 0x7bff);
  }
  // A subnormal f32 counts as 0, as devices may flush it.
  if (magnitude < SMALLEST_NORMAL_F32) return sign;
  // A multiple of 2^-24, and the remainder.
  const scaled = Math.abs(Math.fround(value)) * 2 ** 24;
  const floor = Math.floor(scaled);
  return sign | floor + ((scaled - floor) * 65536 > (random & 0xffff) ? 1 : 0);
}

/** Random bits for the element at `index` of the whole parameter: the "lowbias32" hash. */
export function randomBits(index: number, key: number): number {
  let x = (index ^ key) >>> 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return x >>> 0;
}

function bitsOf(value: number): number {
  asSingle[0] = value;
  return word[0]!;
}

/** One word, seen as numbers of either kind. */
const word = new Uint32Array(1);
const asSingle = new Float32Array(word.buffer);
const asHalf = new Float16Array(word.buffer);

const INFINITE = 0x7f80_0000;
const SMALLEST_NORMAL_F32 = 0x0080_0000;
/** 2^-14, and the difference of the biases of f32's and f16's exponents. */
const SMALLEST_NORMAL_F16 = (127 - 14) << 23;
const REBIAS = (127 - 15) << 23;
