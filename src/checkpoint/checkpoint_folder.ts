// The tensors of a folder in the format of Hugging Face: in one file, or in several and an index of which file holds which tensor.
//
//   model.safetensors, which goes first, as in transformers: an index beside it may be older
//   model-00001-of-00002.safetensors ...  model.safetensors.index.json  {"weight_map": {"name": "model-00001-..."}}

import * as v from "valibot";
import { sameShape } from "../tensor/shape.ts";
import { disk } from "./disk.ts";
import type { FileSystem } from "./file_system.ts";
import { requireNoPointer } from "./lfs_pointer.ts";
import { noWeights } from "./other_formats.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { SafetensorsError, type TensorEntry } from "./safetensors_header.ts";

/** The open files of one checkpoint, which it owns. */
export class CheckpointFolder implements Disposable {
  /** Its path. */
  readonly path: string;
  readonly #files: readonly SafetensorsFile[];
  readonly #fileOf: ReadonlyMap<string, SafetensorsFile>;

  private constructor(
    path: string,
    files: readonly SafetensorsFile[],
    fileOf: ReadonlyMap<string, SafetensorsFile>,
  ) {
    this.path = path;
    this.#files = files;
    this.#fileOf = fileOf;
  }

  /**
   * Opens all files and checks their headers; no value is read.
   *
   * @throws {SafetensorsError} if a file is damaged, or the index and the files contradict each other, naming the tensor.
   * @throws {TypeError} if there is neither a file nor an index, saying what to do about what there is.
   */
  static async open(folder: string, from: FileSystem = disk): Promise<CheckpointFolder> {
    using stack = new DisposableStack();
    const files: SafetensorsFile[] = [];
    const open = async (name: string) => {
      const file = stack.use(await SafetensorsFile.open(`${folder}/${name}`, from));
      files.push(file);
      return file;
    };
    const fileOf = new Map<string, SafetensorsFile>();
    const isSingle = await from.has(`${folder}/${SINGLE}`);
    const index = isSingle ? undefined : await readIndex(`${folder}/${INDEX}`, from);
    if (index === undefined) {
      if (!isSingle) throw await noWeights(folder, from);
      const file = await open(SINGLE);
      for (const name of file.tensors.keys()) fileOf.set(name, file);
    } else {
      for (const fileName of new Set(index.values())) {
        const file = await open(fileName);
        for (const name of file.tensors.keys()) {
          if (index.get(name) !== fileName) {
            throw new SafetensorsError(
              `${folder}/${fileName} holds ${name}, and the index puts it into ${
                index.get(name) ?? "no file"
              }`,
            );
          }
          fileOf.set(name, file);
        }
      }
      const missing = [...index.keys()].filter((name) => !fileOf.has(name));
      if (missing.length > 0) {
        throw new SafetensorsError(
          `${folder}/${INDEX} names tensors that no file holds: ${missing.join(", ")}`,
        );
      }
    }
    const opened = new CheckpointFolder(folder, files, fileOf);
    stack.move();
    return opened;
  }

  /** Names of all tensors. */
  get names(): readonly string[] {
    return [...this.#fileOf.keys()];
  }

  /** The type and shape of a tensor; undefined if there is none of that name. */
  entry(name: string): TensorEntry | undefined {
    return this.#fileOf.get(name)?.tensors.get(name);
  }

  /** Whether there is a tensor of that name. */
  holds(name: string): boolean {
    return this.#fileOf.has(name);
  }

  /** Whether two tensors have the same type, shape and values; reads some rows of both at a time. */
  async equal(name: string, other: string): Promise<boolean> {
    const [one, two] = [this.entry(name), this.entry(other)];
    if (one === undefined || two === undefined) return false;
    if (one.dtype !== two.dtype || !sameShape(one.shape, two.shape)) return false;
    const [numRows = 1] = one.shape;
    const step = Math.ceil(COMPARED_BYTES * numRows / Math.max(1, one.end - one.begin));
    for (let begin = 0; begin < numRows; begin += step) {
      const rows = one.shape.length === 0
        ? undefined
        : { begin, end: Math.min(begin + step, numRows) };
      const bytes = await this.read(other, rows);
      if (!(await this.read(name, rows)).every((byte, at) => byte === bytes[at])) return false;
    }
    return true;
  }

  /** As {@linkcode SafetensorsFile.read}. */
  async read(
    name: string,
    rows?: { readonly begin: number; readonly end: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#fileWith(name).read(name, rows);
  }

  /** As {@linkcode SafetensorsFile.readElements}. */
  async readElements(
    name: string,
    range: { readonly begin: number; readonly end: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#fileWith(name).readElements(name, range);
  }

  /** Closes all files. */
  [Symbol.dispose](): void {
    for (const file of this.#files) file[Symbol.dispose]();
  }

  #fileWith(name: string): SafetensorsFile {
    const file = this.#fileOf.get(name);
    if (file === undefined) throw new RangeError(`There is no tensor ${name} in ${this.path}`);
    return file;
  }
}

const COMPARED_BYTES = 2 ** 24;

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

// A file name without a path.
const fileName = v.pipe(v.string(), v.regex(/^[\w.-]+\.safetensors$/));
const indexShape = v.object({ weight_map: v.record(v.string(), fileName) });

/** The file of each tensor; undefined if there is no index. */
async function readIndex(
  path: string,
  from: FileSystem,
): Promise<ReadonlyMap<string, string> | undefined> {
  if (!await from.has(path)) return undefined;
  const text = await from.readText(path);
  requireNoPointer(text, path);
  const { output, issues } = v.safeParse(
    v.pipe(v.string(), v.parseJson(), indexShape),
    text,
    { abortEarly: true },
  );
  if (issues === undefined) return new Map(Object.entries(output.weight_map));
  const [issue] = issues;
  throw new SafetensorsError(
    `${path}: ${v.getDotPath(issue) ?? "it"} must be ${issue.expected}, got ${issue.received}`,
  );
}
