// A safetensors file that is open for reading: the header is parsed at once, values are read when they are asked for.

import {
  headerLength,
  parseHeader,
  PREFIX_BYTES,
  SAFETENSORS_BYTES,
  SafetensorsError,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors_header.ts";

/** An open file; it owns the handle. */
export class SafetensorsFile implements Disposable {
  /** Where it lies. */
  readonly path: string;
  readonly #file: Deno.FsFile;
  readonly #header: SafetensorsHeader;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(path: string, file: Deno.FsFile, header: SafetensorsHeader) {
    this.path = path;
    this.#file = file;
    this.#header = header;
  }

  /**
   * Opens a file and checks its header against its length; no value is read.
   *
   * @throws {SafetensorsError} naming the file and what is wrong with it.
   */
  static async open(path: string): Promise<SafetensorsFile> {
    using stack = new DisposableStack();
    const file = stack.use(await Deno.open(path));
    const { size } = await file.stat();
    try {
      const prefix = await readUpTo(file, PREFIX_BYTES);
      const json = await readUpTo(file, headerLength(prefix, size));
      const opened = new SafetensorsFile(path, file, parseHeader(json, size));
      stack.move();
      return opened;
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
      throw new SafetensorsError(`Cannot read ${path}: ${error.message}`);
    }
  }

  /** What it holds, by name. */
  get tensors(): ReadonlyMap<string, TensorEntry> {
    return this.#header.tensors;
  }

  /** Texts that travel with the tensors. */
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
    const entry = this.tensors.get(name);
    if (entry === undefined) throw new RangeError(`There is no tensor ${name} in ${this.path}`);
    const { begin, end } = rows === undefined ? entry : rowsOf(name, { entry, rows });
    // The handle has one position: reads wait for each other.
    const reading = this.#last.then(async () => {
      await this.#file.seek(begin, Deno.SeekMode.Start);
      return await readUpTo(this.#file, end - begin);
    });
    this.#last = reading.catch(() => {});
    const bytes = await reading;
    if (bytes.length < end - begin) {
      throw new SafetensorsError(`Cannot read ${name} from ${this.path}: the file was cut off`);
    }
    return bytes;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
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
