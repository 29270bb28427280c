// Writes a safetensors file: beside its place first, then moved there, so that a file that is there is whole.

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
  /** Its values, little-endian; asked for when they are written, so that one tensor at a time is in memory. */
  readonly bytes: () => Promise<Uint8Array>;
}

/**
 * Writes `tensors` to `path`, the widest element types first, so that all values are aligned, and then by name.
 *
 * @throws {TypeError} if two tensors have one name.
 * @throws {RangeError} if a tensor's bytes are not as many as its shape says; no file is left then.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  { metadata = {} }: { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const inOrder = inWritingOrder(tensors);
  const head = encodeHeader(inOrder, metadata);
  const unfinished = `${path}.unfinished`;
  try {
    using file = await Deno.open(unfinished, { write: true, create: true, truncate: true });
    await writeAll(file, head);
    for (const tensor of inOrder) {
      const bytes = await tensor.bytes();
      if (bytes.length !== byteLength(tensor)) {
        throw new RangeError(
          `Cannot write ${tensor.name} of [${tensor.shape}] and ${tensor.dtype}: wanted ` +
            `${byteLength(tensor)} bytes, got ${bytes.length}`,
        );
      }
      await writeAll(file, bytes);
    }
    await file.sync();
  } catch (error) {
    await Deno.remove(unfinished).catch(() => {});
    throw error;
  }
  await Deno.rename(unfinished, path);
}

/** The order in which values are asked for. */
export function inWritingOrder(tensors: Iterable<TensorToWrite>): TensorToWrite[] {
  return [...tensors].toSorted((a, b) =>
    SAFETENSORS_BYTES[b.dtype] - SAFETENSORS_BYTES[a.dtype] || (a.name < b.name ? -1 : 1)
  );
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
