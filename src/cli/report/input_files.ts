// The files that a training reads, with their sizes, for its log.

import { join } from "node:path";

/** A file that was read, or a folder of them. */
export interface InputFile {
  readonly path: string;
  /** Of all files in a folder together. */
  readonly bytes: number;
  /** Number of files in a folder. */
  readonly files?: number;
}

/** The files of a model, its tokenizer and the data, of flags whose model is a local folder. */
export async function inputFiles(
  { model, fromScratch, tokenizer, data }: {
    readonly model: string;
    readonly fromScratch: boolean;
    readonly tokenizer: string;
    readonly data: readonly string[];
  },
): Promise<InputFile[]> {
  const names = fromScratch
    ? ["config.json"]
    : (await Array.fromAsync(Deno.readDir(model))).map(({ name }) => name).sort();
  const paths = new Set([...names.map((name) => join(model, name)), tokenizer, ...data]);
  const found = await Promise.all([...paths].map(async (path): Promise<InputFile[]> => {
    const stat = await Deno.stat(path).catch(() => undefined);
    if (stat?.isFile) return [{ path, bytes: stat.size }];
    if (!stat?.isDirectory || !data.includes(path)) return [];
    const sizes = await sizesBelow(path);
    return [{ path, bytes: sizes.reduce((all, size) => all + size, 0), files: sizes.length }];
  }));
  return found.flat();
}

/** Sizes of the files in a folder and the folders in it; links are not followed. */
async function sizesBelow(folder: string): Promise<number[]> {
  const sizes: number[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) sizes.push(...await sizesBelow(path));
    if (isFile) sizes.push((await Deno.stat(path)).size);
  }
  return sizes;
}
