// Writes a safetensors file: the header, then the values of one tensor after the other.

import { disk } from "./disk.ts";
import type { FileSystem } from "./file_system.ts";
import {
  byteLength,
  encodeHeader,
  SAFETENSORS_BYTES,
  type SafetensorsDtype,
} from "./safetensors_header.ts";

/** A tensor that is to be written. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Its values, little-endian; called when they are written, so that one tensor at a time is in memory. */
  readonly bytes: () => Promise<Uint8Array>;
}

/**
 * Writes `tensors` to `path`, the widest element types first, so that all values are aligned, and then by name.
 *
 * @throws {TypeError} if two tensors have one name.
 * @throws {RangeError} if the number of a tensor's bytes does not follow from its shape; no file is written then.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  { metadata = {}, files = disk }: {
    readonly metadata?: Readonly<Record<string, string>>;
    readonly files?: FileSystem;
  } = {},
): Promise<void> {
  await files.write(path, safetensorsPieces(tensors, metadata));
}

/** The bytes of the file, in pieces: the header, then one tensor after the other. Throws as {@linkcode writeSafetensors}. */
export async function* safetensorsPieces(
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  const inOrder = inWritingOrder(tensors);
  yield encodeHeader(inOrder, metadata);
  for (const tensor of inOrder) {
    const bytes = await tensor.bytes();
    if (bytes.length !== byteLength(tensor)) {
      throw new RangeError(
        `Cannot write ${tensor.name} of [${tensor.shape}] and ${tensor.dtype}: wanted ` +
          `${byteLength(tensor)} bytes, got ${bytes.length}`,
      );
    }
    yield bytes;
  }
}

/** The order in which values are written. */
export function inWritingOrder(tensors: Iterable<TensorToWrite>): TensorToWrite[] {
  return [...tensors].toSorted((a, b) =>
    SAFETENSORS_BYTES[b.dtype] - SAFETENSORS_BYTES[a.dtype] || (a.name < b.name ? -1 : 1)
  );
}
