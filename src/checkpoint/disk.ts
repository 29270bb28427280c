// Files on this machine: the only file of this folder that uses Deno's.

import type { FileSystem, ReadableFile } from "./file_system.ts";

/** The files of this machine. A missing one is a `Deno.errors.NotFound`. */
export const disk: FileSystem = {
  async open(path) {
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
      throw error;
    }
  },

  readText: (path) => Deno.readTextFile(path),

  makeFolder: (path) => Deno.mkdir(path, { recursive: true }),

  // Written to a temporary file first and then renamed, so that a file at `path` is always complete.
  async write(path, pieces) {
    const unfinished = `${path}.unfinished`;
    try {
      using file = await Deno.open(unfinished, { write: true, create: true, truncate: true });
      for await (const piece of pieces) await writeAll(file, piece);
      await file.sync();
    } catch (error) {
      await Deno.remove(unfinished).catch(() => {});
      throw error;
    }
    await Deno.rename(unfinished, path);
  },
};

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
