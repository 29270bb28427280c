// A safetensors file open for reading: the header is parsed when it is opened, values are read on demand.

import { disk } from "./disk.ts";
import { POINTER_BYTES, requireNoPointer } from "./lfs_pointer.ts";
import type { FileSystem, ReadableFile } from "./file_system.ts";
import {
  headerLength,
  parseHeader,
  PREFIX_BYTES,
  SAFETENSORS_BYTES,
  SafetensorsError,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors_header.ts";

/** An open file. Disposing it closes it. */
export class SafetensorsFile implements Disposable {
  /** Its path. */
  readonly path: string;
  readonly #file: ReadableFile;
  readonly #header: SafetensorsHeader;

  private constructor(path: string, file: ReadableFile, header: SafetensorsHeader) {
    this.path = path;
    this.#file = file;
    this.#header = header;
  }

  /**
   * Opens a file and checks its header against its length; no value is read.
   *
   * @throws {SafetensorsError} naming the file and what is wrong with it.
   */
  static async open(path: string, files: FileSystem = disk): Promise<SafetensorsFile> {
    using stack = new DisposableStack();
    const file = stack.use(await files.open(path));
    const { size } = file;
    try {
      const first = await file.read(0, POINTER_BYTES);
      requireNoPointer(first);
      const prefix = first.subarray(0, PREFIX_BYTES);
      const json = await file.read(PREFIX_BYTES, PREFIX_BYTES + headerLength(prefix, size));
      const opened = new SafetensorsFile(path, file, parseHeader(json, size));
      stack.move();
      return opened;
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
      throw new SafetensorsError(`Cannot read ${path}: ${error.message}`);
    }
  }

  /** Its tensors by name. */
  get tensors(): ReadonlyMap<string, TensorEntry> {
    return this.#header.tensors;
  }

  /** Texts stored beside the tensors. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

  /**
   * The values of one tensor, little-endian; with `rows` only those indices of its first dim.
   *
   * @throws {RangeError} if there is no such tensor or row.
   * @throws {SafetensorsError} if the file was cut off since it was opened.
   */
  async read(
    name: string,
    rows?: { readonly begin: number; readonly end: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entryOf(name);
    return await this.#read(name, rows === undefined ? entry : rowsOf(name, { entry, rows }));
  }

  /**
   * The elements `begin` to before `end` of one tensor in the order of the file, little-endian; throws as {@linkcode read}.
   */
  async readElements(
    name: string,
    { begin, end }: { readonly begin: number; readonly end: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entryOf(name);
    const size = SAFETENSORS_BYTES[entry.dtype];
    return await this.#read(name, {
      begin: entry.begin + size * begin,
      end: Math.min(entry.begin + size * end, entry.end),
    });
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #entryOf(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (entry === undefined) throw new RangeError(`There is no tensor ${name} in ${this.path}`);
    return entry;
  }

  async #read(
    name: string,
    { begin, end }: { readonly begin: number; readonly end: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#file.read(begin, end);
    if (bytes.length < end - begin) {
      throw new SafetensorsError(`Cannot read ${name} from ${this.path}: the file was cut off`);
    }
    return bytes;
  }
}

function rowsOf(
  name: string,
  { entry, rows }: {
    readonly entry: TensorEntry;
    readonly rows: { readonly begin: number; readonly end: number };
  },
): { readonly begin: number; readonly end: number } {
  const { dtype, shape: [numRows, ...rest], begin } = entry;
  if (numRows === undefined || rows.begin < 0 || rows.begin > rows.end || rows.end > numRows) {
    throw new RangeError(
      `There are no rows ${rows.begin} to ${rows.end} in ${name} of [${entry.shape}]`,
    );
  }
  const rowBytes = rest.reduce((product, each) => product * each, SAFETENSORS_BYTES[dtype]);
  return { begin: begin + rows.begin * rowBytes, end: begin + rows.end * rowBytes };
}
