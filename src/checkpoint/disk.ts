// Single files on this machine; disk_folder.ts has whole folders.

import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import type { FileSystem, ReadableFile } from "./file_system.ts";

/** The files of this machine. A missing one is a `Deno.errors.NotFound`. */
export const disk: FileSystem = {
  async open(path) {
    await requireFile(path);
    using stack = new DisposableStack();
    const handle = stack.use(await Deno.open(path));
    const { size } = await handle.stat();
    stack.move();
    return new DiskFile(handle, size);
  },

  async has(path) {
    try {
      await Deno.stat(path);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      if (error instanceof Deno.errors.NotADirectory) return false;
      throw error;
    }
  },

  async readText(path) {
    await requireFile(path);
    return await Deno.readTextFile(path);
  },

  async names(folder) {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).toSorted();
  },

  makeFolder: (path) => Deno.mkdir(path, { recursive: true }),

  // Written to a temporary file of a unique name first and then renamed, so that a file at `path` is always complete.
  async write(path, pieces) {
    const unfinished = `${path}.${randomUUID()}.unfinished`;
    try {
      await writeNew(unfinished, pieces);
      await Deno.rename(unfinished, path);
    } catch (error) {
      await Deno.remove(unfinished).catch(() => {});
      throw error;
    }
    await syncFolder(dirname(path));
  },
};

/** Writes a new file and waits until it is on the disk. @throws {Deno.errors.AlreadyExists} if there is one */
export async function writeNew(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for await (const piece of pieces) await writeAll(file, piece);
  await file.sync();
}

/** Waits until the names in a folder are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  // Windows has no such call for folders.
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(path);
  await folder.sync();
}

/** Throws unless `path` is a regular file or a link to one: opening a pipe waits for somebody who writes into it. */
async function requireFile(path: string): Promise<void> {
  const { isFile, isDirectory } = await Deno.stat(path);
  if (isFile) return;
  throw new TypeError(
    `Cannot read ${path}: it is ${isDirectory ? "a folder" : "a pipe or a device"}, not a file`,
  );
}

class DiskFile implements ReadableFile {
  readonly size: number;
  readonly #handle: Deno.FsFile;
  #last: Promise<unknown> = Promise.resolve();

  constructor(handle: Deno.FsFile, size: number) {
    this.#handle = handle;
    this.size = size;
  }

  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    // The handle has one position: reads wait for each other.
    const reading = this.#last.then(async () => {
      await this.#handle.seek(begin, Deno.SeekMode.Start);
      return await readUpTo(this.#handle, end - begin);
    });
    this.#last = reading.catch(() => {});
    return reading;
  }

  [Symbol.dispose](): void {
    this.#handle.close();
  }
}

/** `length` bytes from the present position, fewer if the file ends. */
async function readUpTo(file: Deno.FsFile, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) break;
    at += count;
  }
  return bytes.subarray(0, at);
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
