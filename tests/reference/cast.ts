// Storage types as arithmetic on values, not on bits: with f bits of fraction and the smallest normal 2^m,
//
//   x in 2^e .. 2^(e+1), e >= m, is stored as the nearest multiple of 2^(e-f), ties to even; |x| < 2^m as one of 2^(m-f)
//
// Operands are words of 32 bits, two elements to a word where they are stored in 16.

import { storageTypes } from "../../src/device/storage_types.ts";
import type { Reference } from "./reference.ts";

/** Bits of fraction, and the exponent of the smallest normal, by the storage type's number. */
const formats = {
  [storageTypes.f32]: { fraction: 23, smallest: -126 },
  [storageTypes.f16]: { fraction: 10, smallest: -14 },
  [storageTypes.bf16]: { fraction: 7, smallest: -126 },
} as const;

export const cast: Reference<"cast"> = ({ x, out }, params) => {
  const { fromType, toType, fromOffset, toOffset, length } = params;
  for (let i = 0; i < length; i++) {
    const bits = load(x, fromType, fromOffset + i);
    store(out, { type: toType, at: toOffset + i }, converted(bits, fromType, toType));
  }
};

export const accumulateCast: Reference<"accumulate_cast"> = ({ x, out }, params) => {
  const { fromType, toType, fromOffset, toOffset, length } = params;
  for (let i = 0; i < length; i++) {
    const term = decode(load(x, fromType, fromOffset + i), fromType);
    const sum = decode(load(out, toType, toOffset + i), toType) + term;
    store(out, { type: toType, at: toOffset + i }, encode(Math.fround(sum), toType));
  }
};

/** The value of an element's bits. */
export function decode(bits: number, type: number): number {
  const { fraction, smallest } = formatOf(type);
  const ofFraction = 2 ** fraction;
  const magnitude = bits % signBit(type);
  const sign = bits === magnitude ? 1 : -1;
  if (magnitude >= infinity(type)) return magnitude === infinity(type) ? sign * Infinity : NaN;
  const exponent = Math.floor(magnitude / ofFraction);
  const leading = exponent === 0 ? 0 : 1;
  const significand = leading + magnitude % ofFraction / ofFraction;
  return sign * significand * 2 ** (smallest + Math.max(exponent - 1, 0));
}

/** The bits nearest to a number (not NaN), ties to even. */
export function encode(value: number, type: number): number {
  const { fraction, smallest } = formatOf(type);
  const sign = value < 0 || Object.is(value, -0) ? signBit(type) : 0;
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return sign + infinity(type);
  let exponent = smallest;
  while (magnitude >= 2 ** (exponent + 1)) exponent++;
  const multiples = roundToEven(magnitude / 2 ** (exponent - fraction));
  // From 2^fraction on, each doubling of the step is one more of the exponent's field.
  return sign + Math.min((exponent - smallest) * 2 ** fraction + multiples, infinity(type));
}

function converted(bits: number, from: number, to: number): number {
  if (from === to) return bits;
  const value = decode(bits, from);
  if (!Number.isNaN(value)) return encode(value, to);
  const shift = formatOf(to).fraction - formatOf(from).fraction;
  const payload = Math.floor(bits % 2 ** formatOf(from).fraction * 2 ** shift);
  const quiet = to === storageTypes.f32 ? 0 : 2 ** (formatOf(to).fraction - 1);
  const sign = bits >= signBit(from) ? signBit(to) : 0;
  return sign + infinity(to) + (payload | quiet);
}

function load(words: Float64Array, type: number, at: number): number {
  if (type === storageTypes.f32) return words[at]!;
  const word = words[Math.floor(at / 2)]!;
  return at % 2 === 0 ? word % 2 ** 16 : Math.floor(word / 2 ** 16);
}

function store(
  words: Float64Array,
  { type, at }: { readonly type: number; readonly at: number },
  bits: number,
): void {
  if (type === storageTypes.f32) {
    words[at] = bits;
    return;
  }
  const word = words[Math.floor(at / 2)]!;
  words[Math.floor(at / 2)] = at % 2 === 0
    ? word - word % 2 ** 16 + bits
    : word % 2 ** 16 + bits * 2 ** 16;
}

function roundToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

function signBit(type: number): number {
  return type === storageTypes.f32 ? 2 ** 31 : 2 ** 15;
}

function infinity(type: number): number {
  const { fraction } = formatOf(type);
  return signBit(type) - 2 ** fraction;
}

function formatOf(type: number): { readonly fraction: number; readonly smallest: number } {
  return formats[type as keyof typeof formats];
}
