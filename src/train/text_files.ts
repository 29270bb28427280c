// Reads text files and folders of them, in the order of their paths, so that every rank reads the same.

import { extname, join } from "node:path";
import { concatenate } from "./corpus.ts";

/** Text that was read from files. */
export interface Text {
  readonly text: Uint8Array<ArrayBuffer>;
  /** Number of files. */
  readonly numFiles: number;
}

/**
 * Reads the given files, and the files in given folders that have one of the `extensions` (".md"), by default all without a NUL byte.
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

/** Folders of generated and downloaded files. */
const SKIPPED = new Set(["node_modules", "target", "pkg"]);
