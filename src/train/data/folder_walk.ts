// The files below a folder, in the order of their names. Links are followed, but not into a folder that they are in. Hidden files,
// pipes, broken links and second names of a file are left out.

import { join } from "node:path";
import type { LeftOutCounts } from "./left_out.ts";

/** A regular file. */
export interface FoundFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** All files below `folder`; those that are left out are counted in `leftOut`. @throws {Error} if the folder cannot be read */
export async function filesBelow(folder: string, leftOut: LeftOutCounts): Promise<FoundFile[]> {
  return await Array.fromAsync(walk(folder, { above: [], seen: new Set(), leftOut }));
}

interface Walk {
  /** The real paths of the folders that this one is in. */
  readonly above: readonly string[];
  /** The real paths of all files up to now. */
  readonly seen: Set<string>;
  readonly leftOut: LeftOutCounts;
}

async function* walk(folder: string, { above, seen, leftOut }: Walk): AsyncGenerator<FoundFile> {
  const real = await Deno.realPath(folder);
  if (above.includes(real)) return leftOut.add(folder, "links to a folder that they are in");
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  for (const name of names.sort((a, b) => a < b ? -1 : 1)) {
    const path = join(folder, name);
    if (name.startsWith(".")) {
      leftOut.add(path, "hidden");
      continue;
    }
    const stat = await Deno.stat(path).catch((error) => error as Error);
    if (stat instanceof Deno.errors.NotFound) leftOut.add(path, "broken links");
    else if (stat instanceof Error) leftOut.add(path, `not readable: ${stat.message}`);
    else if (stat.isDirectory) yield* walk(path, { above: [...above, real], seen, leftOut });
    else if (!stat.isFile) leftOut.add(path, "pipes, sockets and devices");
    else {
      const realFile = await Deno.realPath(path);
      if (seen.has(realFile)) {
        leftOut.add(path, "other names of a file that is read");
        continue;
      }
      seen.add(realFile);
      yield { path, size: stat.size };
    }
  }
}
