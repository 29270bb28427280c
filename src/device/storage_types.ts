// Storage types of f32 values: f32 itself, or 16 bits, two to a word of 32.
//
//   word w of 16-bit elements   [ element 2 w + 1 | element 2 w ]     the low half first, as in little-endian memory
//
// f16 is IEEE 754's half: 5 bits of exponent, 10 of fraction, largest 65504. bf16 is the upper half of an f32: its range,
// with 7 bits of fraction. A buffer is whole words; where the number of elements is odd, the last half word is 0.

/** Storage types, and the numbers by which kernels know them. */
export const storageTypes = { f32: 0, f16: 1, bf16: 2 } as const;

/** A way to store f32 values. */
export type StorageType = keyof typeof storageTypes;

/** Words of 32 bits that hold the first `count` elements stored as the type with this number. */
export function storedWords(typeNumber: number, count: number): number {
  return typeNumber === storageTypes.f32 ? count : Math.ceil(count / 2);
}
