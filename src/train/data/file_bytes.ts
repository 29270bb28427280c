// The bytes of a file in chunks, unpacked if they are gzip; and standard input, which is spooled to a temporary file, as data is read
// more than once.

import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { isGzip } from "./file_format.ts";

/** The first bytes of a file, unpacked. @throws {Error} if it cannot be read */
export async function fileStart(path: string): Promise<Uint8Array> {
  for await (const chunk of fileChunks(path)) return chunk.subarray(0, START_BYTES);
  return new Uint8Array(0);
}

/** All bytes of a file, unpacked, in chunks. @throws {Error} naming the file, if it cannot be read or unpacked */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const chunks = await startsWithGzip(path) ? unpacked(path) : plain(path);
  try {
    yield* chunks;
  } catch (cause) {
    throw new Error(`Cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

/** Copies a stream to a temporary file. Disposing it removes the file. */
export async function spooled(
  stream: AsyncIterable<Uint8Array>,
): Promise<AsyncDisposable & { readonly path: string; readonly size: number }> {
  const path = await Deno.makeTempFile({ prefix: "meshfactor-stdin-" });
  let size = 0;
  try {
    using file = await Deno.open(path, { write: true });
    for await (const chunk of stream) {
      for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
      size += chunk.length;
    }
  } catch (error) {
    await Deno.remove(path);
    throw error;
  }
  return { path, size, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

async function startsWithGzip(path: string): Promise<boolean> {
  using file = await Deno.open(path);
  const start = new Uint8Array(2);
  return await file.read(start) === 2 && isGzip(start);
}

async function* plain(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  while (true) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const count = await file.read(chunk);
    if (count === null) return;
    yield chunk.subarray(0, count);
  }
}

async function* unpacked(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  // An error of the file ends the unpacked stream, too, where it is thrown.
  const stream = pipeline(createReadStream(path), createGunzip(), () => {});
  try {
    for await (const chunk of stream) yield new Uint8Array(chunk);
  } finally {
    stream.destroy();
  }
}

const CHUNK_BYTES = 2 ** 18;
const START_BYTES = 2 ** 16;
