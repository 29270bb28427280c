// Element types of tensors. Compute is f32; u32 holds indices and class numbers and has no gradient.

/** The host array that holds elements of each type. */
export interface HostArrays {
  /** Numbers. */
  f32: Float32Array<ArrayBuffer>;
  /** Indices. */
  u32: Uint32Array<ArrayBuffer>;
}

/** Element type of a tensor. */
export type DType = keyof HostArrays;

/** The host array for elements of type `D`. */
export type HostArray<D extends DType> = HostArrays[D];

/** Bytes of one element, whatever the type. */
export const BYTES_PER_ELEMENT = 4;

/** Sees bytes read from a device as elements of type `dtype`, without copying. */
export function viewBytes<D extends DType>(bytes: Uint8Array<ArrayBuffer>, dtype: D): HostArray<D> {
  const length = bytes.byteLength / BYTES_PER_ELEMENT;
  return new hostArrays[dtype](bytes.buffer, bytes.byteOffset, length);
}

/**
 * Turns plain numbers into elements of type `dtype`.
 *
 * @throws {RangeError} if a u32 element is not an integer from 0 to 2^32 - 1.
 */
export function packNumbers<D extends DType>(values: readonly number[], dtype: D): HostArray<D> {
  if (dtype === "u32") {
    const at = values.findIndex((value) => value !== value >>> 0);
    if (at !== -1) {
      throw new RangeError(
        `Cannot store ${
          values[at]
        } (at position ${at}) as u32: it holds integers from 0 to 4294967295`,
      );
    }
  }
  return hostArrays[dtype].from(values);
}

type Constructors = {
  readonly [D in DType]: {
    new (buffer: ArrayBuffer, byteOffset: number, length: number): HostArrays[D];
    from(values: readonly number[]): HostArrays[D];
  };
};

const hostArrays: Constructors = { f32: Float32Array, u32: Uint32Array };
