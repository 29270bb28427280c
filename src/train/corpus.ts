// Text as bytes: files read in the order of their paths, so that every rank has the same, and cut into blocks of which
// every tenth is held out.

import { extname, join } from "node:path";

/** Bytes to train on, and bytes to judge by that are never trained on. */
export interface Corpus {
  readonly train: Uint8Array;
  readonly heldOut: Uint8Array;
  /** How many files they came from. */
  readonly numFiles: number;
}

/** Which files of a folder count. */
export interface CorpusOptions {
  /** Endings such as ".md"; default: every file without a NUL byte. */
  readonly extensions?: readonly string[];
  /** Fewest bytes that either part must have. */
  readonly least: number;
}

/**
 * Reads files, and all files below folders.
 *
 * @throws {Error} if a path cannot be read
 * @throws {RangeError} if there is too little text
 */
export async function readCorpus(
  paths: readonly string[],
  { extensions, least }: CorpusOptions,
): Promise<Corpus> {
  const files: Uint8Array[] = [];
  for (const path of paths) {
    for await (const file of filesBelow(path)) {
      if (extensions !== undefined && !extensions.includes(extname(file))) continue;
      const bytes = await Deno.readFile(file);
      if (extensions !== undefined || !bytes.includes(0)) files.push(bytes);
    }
  }
  const { train, heldOut } = splitBlocks(concatenate(files));
  if (train.length < least || heldOut.length < least) {
    throw new RangeError(
      `Cannot train on ${
        paths.join(", ")
      }: ${files.length} text files with ${train.length} bytes to train on and ` +
        `${heldOut.length} held out, and at least ${least} of each are needed; give more with --data`,
    );
  }
  return { train, heldOut, numFiles: files.length };
}

async function* filesBelow(path: string): AsyncGenerator<string> {
  const { isDirectory } = await Deno.stat(path).catch((error) => {
    throw new Error(`Cannot read ${path}: ${error.message}`, { cause: error });
  });
  if (!isDirectory) return yield path;
  const entries = (await Array.fromAsync(Deno.readDir(path)))
    .filter(({ name, isSymlink }) => !isSymlink && !name.startsWith(".") && !SKIPPED.has(name))
    .sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name } of entries) yield* filesBelow(join(path, name));
}

/** Folders of things that nobody wrote. */
const SKIPPED = new Set(["node_modules", "target", "pkg"]);

/** Bytes per block. */
const BLOCK = 4096;

function splitBlocks(bytes: Uint8Array): { train: Uint8Array; heldOut: Uint8Array } {
  const train: Uint8Array[] = [];
  const heldOut: Uint8Array[] = [];
  for (let begin = 0; begin < bytes.length; begin += BLOCK) {
    const part = (begin / BLOCK) % 10 === 9 ? heldOut : train;
    part.push(bytes.subarray(begin, begin + BLOCK));
  }
  return { train: concatenate(train), heldOut: concatenate(heldOut) };
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
