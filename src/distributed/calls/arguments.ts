// Checks of the arguments of collectives, before anything is sent, and the element types of arrays.

import type { ElementType, Reduction } from "../wire/call_kind.ts";

/**
 * Elements in memory: f32, f64, i32, u32, f16, or 16 bits whose meaning the option `dtype` gives.
 *
 * @category Distributed
 */
export type Elements =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Float16Array
  | Uint16Array;

/**
 * Options of every call.
 *
 * @category Distributed
 */
export interface CallOptions {
  /** The element type of a Uint16Array, "f16" or "bf16". That of other arrays is known. */
  readonly dtype?: ElementType;
  /**
   * Aborts the call. As its peers are in the middle of it, this ends the job on every rank, with a `PeerLostError` that
   * names this rank. If the signal has fired before the call, the call only rejects, and nothing is sent.
   */
  readonly signal?: AbortSignal;
  /**
   * What is exchanged, such as the name of a parameter; layers and optimizers give it for their calls. If ranks make calls for
   * different things, of equal kinds and lengths too, both get an error with the two labels instead of each other's values.
   * Of a label of more than 60 bytes the error shows the beginning and the end. Default: none, which is a label as well.
   */
  readonly label?: string;
}

/**
 * Options of calls that reduce.
 *
 * @category Distributed
 */
export interface ReduceOptions extends CallOptions {
  /** Default: "sum". */
  readonly op?: Reduction;
}

/**
 * Options of allToAll: the elements sent to and received from each rank.
 *
 * @category Distributed
 */
export interface AllToAllOptions extends CallOptions {
  /** `sendCounts[r]` elements of the values are sent to rank r, in order. */
  readonly sendCounts: readonly number[];
  /** `receiveCounts[r]` elements of the result are received from rank r, in order. */
  readonly receiveCounts: readonly number[];
}

/** The sum of all counts. */
export function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/**
 * The element type of `values`.
 *
 * @throws {TypeError} if it is not an array of elements, or not of `dtype`.
 */
export function elementTypeOf(
  values: Elements,
  op: string,
  dtype: ElementType | undefined,
): ElementType {
  if (values instanceof Uint16Array) {
    if (dtype === "f16" || dtype === "bf16") return dtype;
    throw new TypeError(
      `${op}() of a Uint16Array needs the option dtype, "f16" or "bf16", got ${dtype}`,
    );
  }
  const natural = naturalType(values);
  if (natural === undefined) {
    throw new TypeError(
      `${op}() needs a Float32Array, or one of Float64, Int32, Uint32, Float16 or Uint16, got ${
        Object.prototype.toString.call(values)
      }`,
    );
  }
  if (dtype !== undefined && dtype !== natural) {
    throw new TypeError(`${op}() got the dtype ${dtype} with an array of ${natural}`);
  }
  return natural;
}

function naturalType(values: Elements): ElementType | undefined {
  if (values instanceof Float32Array) return "f32";
  if (values instanceof Float64Array) return "f64";
  if (values instanceof Int32Array) return "i32";
  if (values instanceof Uint32Array) return "u32";
  return values instanceof Float16Array ? "f16" : undefined;
}

/**
 * Validates a reduction.
 *
 * @throws {TypeError} if it is unknown, or the mean of integers.
 */
function reductionOf(
  reduction: Reduction = "sum",
  op: string,
  dtype: ElementType,
): Reduction {
  if (!["sum", "mean", "max", "min"].includes(reduction)) {
    throw new TypeError(`${op}() supports sum, mean, max and min, got "${reduction}"`);
  }
  if (reduction === "mean" && (dtype === "i32" || dtype === "u32")) {
    throw new TypeError(
      `${op}() of ${dtype} has no mean, as it may not be an integer: use the sum`,
    );
  }
  return reduction;
}

/** A call's element type, reduction and label. @throws as `elementTypeOf` and `reductionOf`, or if the label is no string. */
export function kindOf(
  values: Elements,
  op: string,
  options: ReduceOptions,
): { readonly dtype: ElementType; readonly reduction: Reduction; readonly label: string } {
  const dtype = elementTypeOf(values, op, options.dtype);
  return {
    dtype,
    reduction: reductionOf(options.op, op, dtype),
    label: labelOf(options.label, op),
  };
}

/** @throws {TypeError} if it is no string */
export function labelOf(label: string | undefined = "", op: string): string {
  if (typeof label === "string") return label;
  throw new TypeError(`${op}() needs a label that is a string, got ${typeof label}`);
}

/** The memory of `values`. */
export function bytesOf(values: Elements): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A new array of the same type. */
export function emptyLike<T extends Elements>(values: T, length: number): T {
  return new (values.constructor as new (length: number) => T)(length);
}

/** @throws {RangeError} if a length is not the expected one. */
export function requireLength(got: number, expected: number, what: string): void {
  if (got !== expected) throw new RangeError(`Expected ${expected} ${what}, got ${got}`);
}

/** @throws {RangeError} if `root` is not a rank of a group of `size`. */
export function requireRoot(root: number, size: number, op: string): void {
  if (!Number.isInteger(root) || root < 0 || root >= size) {
    throw new RangeError(
      `${op}() needs a root from 0 to ${size - 1}, its rank in the group, got ${root}`,
    );
  }
}

/** @throws {RangeError} if `peer` is not another rank of a group of `size`. */
export function requirePeer(
  peer: number,
  { rank, size, op }: { readonly rank: number; readonly size: number; readonly op: string },
): void {
  if (!Number.isInteger(peer) || peer < 0 || peer >= size || peer === rank) {
    throw new RangeError(
      `${op}() needs another rank of the group, 0 to ${size - 1} but ${rank}, got ${peer}`,
    );
  }
}

/** @throws {RangeError} if `counts` are not one whole number for each of `size` ranks. */
export function requireCounts(counts: readonly number[], size: number, op: string): void {
  if (counts.length !== size) {
    throw new RangeError(
      `${op}() needs one count for each of the ${size} ranks, got ${counts.length}`,
    );
  }
  const wrong = counts.find((count) => !Number.isInteger(count) || count < 0 || count > MAX_COUNT);
  if (wrong !== undefined) {
    throw new RangeError(
      `${op}() needs counts that are integers from 0 to ${MAX_COUNT}, got ${wrong}`,
    );
  }
}

const MAX_COUNT = 0xffffffff;
