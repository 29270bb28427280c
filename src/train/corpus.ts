// Text as bytes: files read in the order of their paths, so that every rank has the same, and cut into blocks of which
// every tenth is held out.

import { extname, join } from "node:path";

/** Text as it was read. */
export interface Text {
  readonly text: Uint8Array<ArrayBuffer>;
  /** How many files it came from. */
  readonly numFiles: number;
}

/** Bytes to train on, and bytes to judge by that are never trained on. */
export interface Corpus {
  readonly train: Uint8Array<ArrayBuffer>;
  readonly heldOut: Uint8Array<ArrayBuffer>;
}

/**
 * Reads files as they are, and of the files below folders those with one of the `extensions` (".md"), by default all
 * without a NUL byte.
 *
 * @throws {Error} if a path cannot be read.
 */
export async function readText(
  paths: readonly string[],
  extensions?: readonly string[],
): Promise<Text> {
  const files: Uint8Array[] = [];
  for (const path of paths) {
    for await (const file of filesBelow(path)) {
      if (file === path) {
        files.push(await Deno.readFile(file));
        continue;
      }
      if (extensions !== undefined && !extensions.includes(extname(file))) continue;
      const bytes = await Deno.readFile(file);
      if (extensions !== undefined || !bytes.includes(0)) files.push(bytes);
    }
  }
  return { text: concatenate(files), numFiles: files.length };
}

/** Holds out every tenth block. @throws {RangeError} if there is too little text to hold any out. */
export function splitCorpus(text: Uint8Array): Corpus {
  if (text.length < LEAST) {
    throw new RangeError(
      `Cannot train on ${text.length} bytes of text: at least ${LEAST} are needed; give more with --data`,
    );
  }
  const train: Uint8Array[] = [];
  const heldOut: Uint8Array[] = [];
  for (let begin = 0; begin < text.length; begin += BLOCK) {
    const part = (begin / BLOCK) % 10 === 9 ? heldOut : train;
    part.push(text.subarray(begin, begin + BLOCK));
  }
  return { train: concatenate(train), heldOut: concatenate(heldOut) };
}

/** Bytes per block. */
const BLOCK = 4096;
/** One block can be held out. */
const LEAST = 10 * BLOCK;

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

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
