// The header of a safetensors file, parsed and written: huggingface/safetensors, README "Format".
//
//   | length of header u64 | JSON, padded with spaces | values of all tensors, one after the other |
//   {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..., "__metadata__": {"format": "pt"}}
//
// Offsets count from the end of the header. A file is accepted only if its tensors fill it from the first byte to the last, without
// gaps and overlaps, each with the length that follows from its shape and dtype: so every number of an accepted header agrees with the
// length of the file, which a header cannot fake.

import type { FloatType } from "../tensor/dtype.ts";
import { METADATA, type RawEntry, readHeader } from "./header_json.ts";
import { SafetensorsError } from "./safetensors_error.ts";

export { SafetensorsError };

/** Bytes of one element, for every element type of the format; less than 1 if several share a byte. */
export const SAFETENSORS_BYTES = {
  C64: 8,
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2FNUZ: 1,
  F6_E2M3: 0.75,
  F6_E3M2: 0.75,
  F4: 0.5,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** Element type of a tensor in a file. */
export type SafetensorsDtype = keyof typeof SAFETENSORS_BYTES;

/** How parameters of each type are stored. */
export const STORED_AS: Readonly<Record<FloatType, SafetensorsDtype>> = {
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
};

/** The type, shape and position of a tensor in a file. */
export interface TensorEntry {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** First byte in the file. */
  readonly begin: number;
  /** One past the last byte in the file. */
  readonly end: number;
}

/** The contents of a header. */
export interface SafetensorsHeader {
  /** By name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Texts stored beside the tensors. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes before the JSON. */
export const PREFIX_BYTES = 8;

/**
 * The length of the JSON, from the first {@linkcode PREFIX_BYTES} bytes of a file of `fileBytes`.
 *
 * @throws {SafetensorsError} if the file is too short for it, or it is longer than the format allows.
 */
export function headerLength(prefix: Uint8Array, fileBytes: number): number {
  if (prefix.length < PREFIX_BYTES) {
    throw new SafetensorsError(
      `The file has ${prefix.length} bytes, a safetensors file has at least ${PREFIX_BYTES}: it is cut off`,
    );
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES);
  const length = view.getBigUint64(0, true);
  const most = BigInt(Math.min(fileBytes - PREFIX_BYTES, MAX_HEADER_BYTES));
  if (length > most) {
    throw new SafetensorsError(
      `The header claims a length of ${length} bytes, and only ${most} are possible: ` +
        "the file is cut off, or no safetensors file",
    );
  }
  return Number(length);
}

/**
 * Parses the JSON of a file of `fileBytes`.
 *
 * @throws {SafetensorsError} naming the tensor, if it is not JSON of the format, a name comes twice, or tensors do not fill the file
 *   exactly.
 */
export function parseHeader(json: Uint8Array, fileBytes: number): SafetensorsHeader {
  const begin = PREFIX_BYTES + json.length;
  const tensors = new Map<string, TensorEntry>();
  const metadata = new Map<string, string>();
  readHeader(json, {
    entry: (name, entry) => tensors.set(name, locate(name, { entry, begin })),
    metadata: (key, value) => metadata.set(key, value),
  });
  requireFilled(tensors, { begin, end: fileBytes });
  return { tensors, metadata: Object.fromEntries(metadata) };
}

/** The first bytes of a file with `tensors` in the given order. */
export function encodeHeader(
  tensors: readonly (Pick<TensorEntry, "dtype" | "shape"> & { readonly name: string })[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const entries = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) entries.set(METADATA, metadata);
  let at = 0;
  for (const { name, dtype, shape } of tensors) {
    if (name === METADATA || entries.has(name)) {
      throw new TypeError(`Cannot write two tensors called ${name}: names must be unique`);
    }
    const end = at + byteLength({ dtype, shape });
    entries.set(name, { dtype, shape, data_offsets: [at, end] });
    at = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  // Values begin at a multiple of 8, so that the file can be memory-mapped.
  const length = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(PREFIX_BYTES + length).fill(SPACE);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, PREFIX_BYTES);
  return head;
}

/** Bytes of a tensor's values. */
export function byteLength({ dtype, shape }: Pick<TensorEntry, "dtype" | "shape">): number {
  return shape.reduce((product, each) => product * each, SAFETENSORS_BYTES[dtype]);
}

const SPACE = 0x20;
/** The limit of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;

function locate(
  name: string,
  { entry, begin }: { readonly entry: RawEntry; readonly begin: number },
): TensorEntry {
  const { dtype, shape, offsets: [first, last] } = entry;
  if (!isDtype(dtype)) {
    throw new SafetensorsError(
      `${name} has the element type ${dtype}: known are ${
        Object.keys(SAFETENSORS_BYTES).join(", ")
      }`,
    );
  }
  const wanted = byteLength({ dtype, shape });
  if (!Number.isSafeInteger(wanted) || last - first !== wanted) {
    throw new SafetensorsError(
      `${name} of [${shape}] and ${dtype} takes ${wanted} bytes, and its offsets ${first} to ${last} are ` +
        `${last - first} apart`,
    );
  }
  return { dtype, shape, begin: begin + first, end: begin + last };
}

function isDtype(name: string): name is SafetensorsDtype {
  return Object.hasOwn(SAFETENSORS_BYTES, name);
}

function requireFilled(
  tensors: ReadonlyMap<string, TensorEntry>,
  range: { readonly begin: number; readonly end: number },
): void {
  let at = range.begin;
  const inOrder = [...tensors].toSorted(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of inOrder) {
    if (begin < at) {
      throw new SafetensorsError(`${name} begins at byte ${begin} within another tensor`);
    }
    if (begin > at) {
      throw new SafetensorsError(`No tensor has bytes ${at} to ${begin}, before ${name}`);
    }
    if (end > range.end) {
      throw new SafetensorsError(
        `${name} ends at byte ${end}, and the file has ${range.end}: it is cut off`,
      );
    }
    at = end;
  }
  if (at < range.end) throw new SafetensorsError(`No tensor has the bytes from ${at} on`);
}
