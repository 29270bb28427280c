// Numbers that are appended one after another and then read anywhere: in memory while there are few, else in a file, of which only what
// is read comes into memory.
//
// The file is the numbers in little-endian order, and nothing else. Without a path it is a temporary file that has no name any more, so
// that it is gone with the process, however that ends.

import { createHash } from "node:crypto";

/** How a number is stored. */
export type StoredType = keyof typeof ARRAYS;

const ARRAYS = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  f32: Float32Array,
  f64: Float64Array,
};

interface ArrayByType {
  readonly u8: Uint8Array<ArrayBuffer>;
  readonly u16: Uint16Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  readonly f32: Float32Array<ArrayBuffer>;
  readonly f64: Float64Array<ArrayBuffer>;
}

/** An array of numbers of a stored type. */
export type StoredValues<Type extends StoredType> = ArrayByType[Type];

/** Where numbers go. */
export interface StorePlace {
  /** A new file. Default: memory, and beyond `memoryBytes` a temporary file. */
  readonly path?: string;
  /** Default: 64 MiB. */
  readonly memoryBytes?: number;
}

/** Takes numbers. Disposing it before `finish` gives them up. */
export class ArrayWriter<Type extends StoredType> implements Disposable {
  readonly type: Type;
  readonly #hash = createHash("sha256");
  readonly #path: string | undefined;
  readonly #memoryBytes: number;
  /** Full buffers that are in no file. */
  readonly #full: Uint8Array<ArrayBuffer>[] = [];
  #file: Deno.FsFile | undefined;
  #buffer: StoredValues<Type>;
  #used = 0;
  #length = 0;

  constructor(type: Type, { path, memoryBytes = 2 ** 26 }: StorePlace = {}) {
    this.type = type;
    this.#path = path;
    this.#memoryBytes = memoryBytes;
    this.#buffer = makeArray(type, BUFFER_BYTES / ARRAYS[type].BYTES_PER_ELEMENT);
    if (path !== undefined) {
      this.#file = Deno.openSync(path, { read: true, write: true, createNew: true });
    }
  }

  /** Number of numbers. */
  get length(): number {
    return this.#length;
  }

  /** Appends numbers, which must be ones that the type can hold. @throws {Error} if they cannot be written */
  append(values: ArrayLike<number>): void {
    for (let at = 0; at < values.length;) {
      const count = Math.min(values.length - at, this.#buffer.length - this.#used);
      const part = count === values.length ? values : partOf(values, at, at + count);
      this.#buffer.set(part, this.#used);
      at += count;
      this.#used += count;
      if (this.#used === this.#buffer.length) this.#flush();
    }
    this.#length += values.length;
  }

  /** What was appended; the writer takes no more. */
  finish(): StoredArray<Type> {
    this.#flush();
    const sha256 = this.#hash.digest("hex");
    const facts = { type: this.type, length: this.#length, sha256 };
    if (this.#file !== undefined) {
      if (this.#path !== undefined) this.#file.syncSync();
      const file = this.#file;
      this.#file = undefined;
      return new StoredArray({ ...facts, file });
    }
    const values = makeArray(this.type, this.#length);
    const bytes = new Uint8Array(values.buffer);
    let at = 0;
    for (const part of this.#full.splice(0)) {
      bytes.set(part, at);
      at += part.length;
    }
    return new StoredArray({ ...facts, values });
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #flush(): void {
    const bytes = new Uint8Array(
      this.#buffer.buffer,
      0,
      this.#used * this.#buffer.BYTES_PER_ELEMENT,
    );
    this.#used = 0;
    this.#hash.update(bytes);
    const inMemory = this.#full.length * BUFFER_BYTES + bytes.length;
    if (this.#file === undefined && inMemory <= this.#memoryBytes) {
      this.#full.push(bytes.slice());
      return;
    }
    try {
      this.#file ??= temporaryFile();
      for (const part of [...this.#full.splice(0), bytes]) writeAll(this.#file, part);
    } catch (cause) {
      if (this.#path !== undefined) throw cause;
      throw new Error(
        `Cannot write numbers to a temporary file: ${
          cause instanceof Error ? cause.message : cause
        }; set TMPDIR to a folder on a disk with more space`,
        { cause },
      );
    }
  }
}

/** Numbers to read. Disposing it closes its file. */
export class StoredArray<Type extends StoredType> implements Disposable {
  readonly type: Type;
  readonly length: number;
  /** SHA-256 of the numbers as they are stored, as hexadecimal digits. */
  readonly sha256: string;
  readonly #values: StoredValues<Type> | undefined;
  readonly #file: Deno.FsFile | undefined;

  /** Numbers in memory, or in an open file. */
  constructor({ type, length, sha256, values, file }: {
    readonly type: Type;
    readonly length: number;
    readonly sha256: string;
    readonly values?: StoredValues<Type>;
    readonly file?: Deno.FsFile;
  }) {
    this.type = type;
    this.length = length;
    this.sha256 = sha256;
    this.#values = values;
    this.#file = file;
  }

  /** Whether they are in a file. */
  get isInFile(): boolean {
    return this.#file !== undefined;
  }

  /** Numbers `begin` to `end`, not to be changed. @throws {RangeError} if there are not as many */
  read(begin: number, end: number): StoredValues<Type> {
    if (!(begin >= 0 && begin <= end && end <= this.length)) {
      throw new RangeError(`Cannot read ${begin} to ${end} of ${this.length} stored numbers`);
    }
    if (this.#values !== undefined) return this.#values.subarray(begin, end) as StoredValues<Type>;
    const values = makeArray(this.type, end - begin);
    const bytes = new Uint8Array(values.buffer);
    this.#file!.seekSync(begin * values.BYTES_PER_ELEMENT, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      const count = this.#file!.readSync(bytes.subarray(at));
      if (count === null) throw new Error("A file of stored numbers has become shorter");
      at += count;
    }
    return values;
  }

  /** The same hash, as sequences of tokens give it. */
  digest(): Promise<string> {
    return Promise.resolve(this.sha256);
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }
}

/** Opens a file that an {@linkcode ArrayWriter} wrote. @throws {Error} if it has not the size that it should have */
export function openStoredArray<Type extends StoredType>(
  path: string,
  { type, length, sha256 }: {
    readonly type: Type;
    readonly length: number;
    readonly sha256: string;
  },
): StoredArray<Type> {
  const file = Deno.openSync(path);
  const { size } = file.statSync();
  const wanted = length * ARRAYS[type].BYTES_PER_ELEMENT;
  if (size === wanted) return new StoredArray({ type, length, sha256, file });
  file.close();
  throw new Error(`${path} has ${size} bytes, wanted ${wanted}: remove it`);
}

/** How many numbers a file holds that is being written; 0 if there is none. */
export function storedLength(path: string, type: StoredType): number {
  try {
    return Math.floor(Deno.statSync(path).size / ARRAYS[type].BYTES_PER_ELEMENT);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** The smallest type for numbers from 0 to below `count`. */
export function typeForCount(count: number): "u8" | "u16" | "u32" {
  if (count <= 2 ** 8) return "u8";
  return count <= 2 ** 16 ? "u16" : "u32";
}

function makeArray<Type extends StoredType>(type: Type, length: number): StoredValues<Type> {
  return new ARRAYS[type](length) as unknown as StoredValues<Type>;
}

function partOf(values: ArrayLike<number>, begin: number, end: number): ArrayLike<number> {
  if (ArrayBuffer.isView(values)) return (values as Uint8Array).subarray(begin, end);
  return Array.prototype.slice.call(values, begin, end);
}

/** A file without a name. */
function temporaryFile(): Deno.FsFile {
  const path = Deno.makeTempFileSync({ prefix: "meshfactor-data-" });
  const file = Deno.openSync(path, { read: true, write: true });
  // Windows keeps names of open files; there its own cleaning of temporary files removes it.
  if (Deno.build.os !== "windows") Deno.removeSync(path);
  return file;
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

const BUFFER_BYTES = 2 ** 20;
