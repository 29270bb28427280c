// Element types of tensors. Compute is f32. f16 and bf16 are ways to store numbers in half the memory (two to a word of 32
// bits: src/device/storage_types.ts); the host sees the values of both as f32, which holds each exactly. u32 holds indices
// and class numbers and has no gradient.

import { type StorageType, storageTypes, storedWords } from "../device/storage_types.ts";
import { fromBfloat16, toBfloat16 } from "./bfloat16.ts";

/**
 * The host array that holds the values of elements of each type.
 *
 * @category Tensors
 */
export interface HostArrays {
  /** Numbers of 24 significant bits. */
  f32: Float32Array<ArrayBuffer>;
  /** Numbers of 11 significant bits, at most 65504. */
  f16: Float32Array<ArrayBuffer>;
  /** Numbers of 8 significant bits, as large as f32's. */
  bf16: Float32Array<ArrayBuffer>;
  /** Indices. */
  u32: Uint32Array<ArrayBuffer>;
}

/**
 * Element type of a tensor.
 *
 * @category Tensors
 */
export type DType = keyof HostArrays;

/**
 * Element type of numbers, which can have a gradient.
 *
 * @category Tensors
 */
export type FloatType = StorageType;

/**
 * The host array for elements of type `D`.
 *
 * @category Tensors
 */
export type HostArray<D extends DType> = HostArrays[D];

/**
 * Elements from the host.
 *
 * @category Tensors
 */
export type Values = Float32Array | Float16Array | Uint32Array | readonly number[];

/** True if elements of type `dtype` are numbers. */
export function isFloatType(dtype: DType): dtype is FloatType {
  return Object.hasOwn(storageTypes, dtype);
}

/** The default element type for `values`: f32 for plain numbers. */
export function naturalDtype(values: Values): DType {
  if (values instanceof Uint32Array) return "u32";
  return values instanceof Float16Array ? "f16" : "f32";
}

/** @throws {TypeError} if there is no such type, or a gradient is required of a type that has none. */
export function checkDtype(
  dtype: DType,
  { requiresGrad }: { readonly requiresGrad: boolean },
): void {
  if (dtype !== "u32" && !isFloatType(dtype)) {
    throw new TypeError(`Wanted a tensor of f32, f16, bf16 or u32, got ${dtype}`);
  }
  if (requiresGrad && dtype === "u32") {
    throw new TypeError("Only tensors of f32, f16 and bf16 collect a gradient, got u32");
  }
}

/** Bytes of one element: 4, or 2 for f16 and bf16. */
export function bytesPerElement(dtype: DType): number {
  return dtype === "f16" || dtype === "bf16" ? 2 : 4;
}

/** Bytes of device memory for `count` elements: whole words. */
export function storedBytes(dtype: DType, count: number): number {
  return isFloatType(dtype) ? 4 * storedWords(storageTypes[dtype], count) : 4 * count;
}

/** The values of bytes that hold elements of type `dtype`; f32 and u32 without copying. */
export function viewBytes<D extends DType>(bytes: Uint8Array<ArrayBuffer>, dtype: D): HostArray<D> {
  const { buffer, byteOffset } = bytes;
  return hostArrays[dtype](buffer, byteOffset, bytes.byteLength / bytesPerElement(dtype));
}

/**
 * The bytes of `values` as elements of type `dtype`, rounded to the nearest, ties to even; without copying if they have that type
 * already.
 *
 * @throws {TypeError} if indices are given for numbers, or an array of numbers for indices.
 * @throws {RangeError} if a plain number for u32 is not an integer from 0 to 2^32 - 1.
 */
export function bytesOf(values: Values, dtype: DType): Uint8Array {
  const isTyped = !Array.isArray(values);
  if (isTyped && values instanceof Uint32Array !== (dtype === "u32")) {
    throw new TypeError(`A tensor of ${dtype} cannot take a ${values.constructor.name}`);
  }
  const { buffer, byteOffset, byteLength } = elements[dtype](values);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The number of type `dtype` that is nearest to `value`, ties to even. */
export function roundedTo(dtype: FloatType, value: number): number {
  return viewBytes(Uint8Array.from(bytesOf([value], dtype)), dtype)[0];
}

type Decoders = {
  readonly [D in DType]: (buffer: ArrayBuffer, begin: number, length: number) => HostArrays[D];
};

const hostArrays: Decoders = {
  f32: (buffer, begin, length) => new Float32Array(buffer, begin, length),
  f16: (buffer, begin, length) => Float32Array.from(new Float16Array(buffer, begin, length)),
  bf16: (buffer, begin, length) => fromBfloat16(new Uint16Array(buffer, begin, length)),
  u32: (buffer, begin, length) => new Uint32Array(buffer, begin, length),
};

const elements: { readonly [D in DType]: (values: Values) => ArrayBufferView } = {
  f32: (values) => values instanceof Float32Array ? values : Float32Array.from(values),
  f16: (values) => values instanceof Float16Array ? values : Float16Array.from(values),
  bf16: (values) => toBfloat16(values),
  u32: (values) => values instanceof Uint32Array ? values : indicesOf(values),
};

function indicesOf(values: Exclude<Values, Uint32Array>): Uint32Array {
  const at = values.findIndex((value) => value !== value >>> 0);
  if (at !== -1) {
    throw new RangeError(
      `Cannot store ${
        values[at]
      } (at position ${at}) as u32: it holds integers from 0 to 4294967295`,
    );
  }
  return Uint32Array.from(values);
}
