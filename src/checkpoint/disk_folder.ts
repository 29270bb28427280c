// Files that belong together, published in a folder of this machine as one act. They are written into a temporary folder of a unique
// name first, and that is synced, so nothing is visible before everything is on the disk:
//
//   the folder is missing or empty   .name.saving-<id> beside it            one rename publishes all files together
//   it has files                     .saving-<id> inside it                 one rename for each file, in the given order
//
// In the second case readers may see new files beside old ones between two renames, so the caller gives an order in which that does no
// harm. A temporary folder is locked while its owner lives; the next one to publish here removes those of processes that were killed.

import { randomUUID } from "node:crypto";
import { statfs } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { syncFolder, writeNew } from "./disk.ts";

/** A file that is to be written. */
export interface FileToWrite {
  /** Its name in the folder. */
  readonly name: string;
  /** Its contents. */
  readonly pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Writes `files` into `folder`, which is made if it is missing. If it throws or the process is killed, files that are there stay as
 * they were. `beforeReplacing` is called right before the first file is moved into a folder that has files, and may throw.
 *
 * @throws {Error} if a file cannot be written
 */
export async function publishFiles(
  folder: string,
  files: readonly FileToWrite[],
  { beforeReplacing = () => Promise.resolve() }: {
    readonly beforeReplacing?: () => Promise<void>;
  } = {},
): Promise<void> {
  const target = await resolved(folder);
  await Deno.mkdir(dirname(target), { recursive: true });
  await removeAbandoned(target);
  const place = await placeFor(target);
  await Deno.mkdir(place.path);
  try {
    using _lock = await lockFolder(place.path);
    for (const { name, pieces } of files) await writeNew(join(place.path, name), pieces);
    await syncFolder(place.path);
    if (place.isBeside && await renamed(place.path, target)) {
      await syncFolder(dirname(target));
      return;
    }
    await beforeReplacing();
    await requireNoFolders(folder, files.map(({ name }) => name));
    for (const { name } of files) await Deno.rename(join(place.path, name), join(target, name));
    await syncFolder(target);
  } finally {
    await Deno.remove(place.path, { recursive: true }).catch(() => {});
  }
}

/** As {@linkcode publishFiles}, of one file. */
export async function publishFile(path: string, pieces: FileToWrite["pieces"]): Promise<void> {
  await publishFiles(dirname(path), [{ name: basename(path), pieces }]);
}

/** As {@linkcode requirePublishable}, of one file. */
export async function requirePublishableFile(path: string, bytes: number): Promise<void> {
  await requirePublishable(dirname(path), { names: [basename(path)], bytes });
}

/**
 * Verifies that `publishFiles` can write files of these names and this size together, as far as that can be known before: writes a
 * small file in the same place and removes it.
 *
 * @throws {Error} naming what is in the way
 */
export async function requirePublishable(
  folder: string,
  { names, bytes }: { readonly names: readonly string[]; readonly bytes: number },
): Promise<void> {
  const target = await resolved(folder);
  const existing = await nearestFolder(target);
  await requireNoFolders(folder, names);
  const place = existing === target
    ? await placeFor(target)
    : { path: join(existing, temporaryName(basename(target))) };
  try {
    probe(place.path);
  } catch (cause) {
    throw new Error(`Cannot write into ${folder}: ${messageOf(cause)}`, { cause });
  }
  const free = await freeBytes(existing);
  if (free >= bytes) return;
  throw new Error(
    `Cannot write ${bytes} bytes into ${folder}, where ${free} are free: make space, or take another disk`,
  );
}

/** Makes a folder with a small file, and removes both: in one turn of the event loop, as a signal may end this process in the next. */
function probe(path: string): void {
  Deno.mkdirSync(path);
  try {
    Deno.writeFileSync(join(path, "probe"), new Uint8Array(1));
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

async function requireNoFolders(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (await isFolder(join(folder, name)) !== true) continue;
    throw new Error(`Cannot write ${join(folder, name)}, which is a folder: move it away`);
  }
}

/** Bytes that this user can still write on the disk of `path`. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** An exclusive lock of a folder, held until disposed; undefined if another process or object holds it. */
export async function lockFolder(path: string): Promise<Disposable | undefined> {
  // Windows has no handles of folders.
  if (Deno.build.os === "windows") return new DisposableStack();
  using scope = new DisposableStack();
  const handle = scope.use(await Deno.open(path));
  if (!await handle.tryLock(true)) return undefined;
  scope.move();
  return handle;
}

interface Place {
  /** Of a temporary folder. */
  readonly path: string;
  /** Whether it is beside the target, not in it. */
  readonly isBeside: boolean;
}

/** Beside a folder that is missing, or empty and on the same disk; else inside. */
async function placeFor(target: string): Promise<Place> {
  const beside = { path: join(dirname(target), temporaryName(basename(target))), isBeside: true };
  if (await isFolder(target) === undefined) return beside;
  const [own, parent] = await Promise.all([Deno.stat(target), Deno.stat(dirname(target))]);
  const isEmpty = (await Array.fromAsync(Deno.readDir(target))).length === 0;
  if (isEmpty && own.dev === parent.dev) return beside;
  return { path: join(target, temporaryName("")), isBeside: false };
}

function temporaryName(name: string): string {
  return `${prefixFor(name)}${randomUUID()}`;
}

function prefixFor(name: string): string {
  return name === "" ? ".saving-" : `.${name}.saving-`;
}

/** Renames a folder; false if there is one with files at `to`. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await Deno.rename(from, to);
    return true;
  } catch (error) {
    if (await isFolder(to) === true) return false;
    throw error;
  }
}

/** Removes the temporary folders of processes that have ended. */
async function removeAbandoned(target: string): Promise<void> {
  const places = [{ folder: dirname(target), prefix: prefixFor(basename(target)) }];
  if (await isFolder(target) === true) places.push({ folder: target, prefix: prefixFor("") });
  for (const { folder, prefix } of places) {
    for await (const { name } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (!name.startsWith(prefix) || !await isOld(path)) continue;
      // Another process may remove it at the same time.
      using lock = await lockFolder(path).catch(() => undefined);
      if (lock !== undefined) await Deno.remove(path, { recursive: true }).catch(() => {});
    }
  }
}

/** Whether its owner had time to lock it. */
async function isOld(path: string): Promise<boolean> {
  const { mtime } = await Deno.stat(path).catch(() => ({ mtime: null }));
  return mtime !== null && Date.now() - mtime.getTime() > LOCKED_WITHIN_MS;
}

const LOCKED_WITHIN_MS = 60_000;

/** The nearest folder above `path`, or itself, that exists. @throws {Error} if a file is in the way */
async function nearestFolder(path: string): Promise<string> {
  const found = await isFolder(path);
  if (found === true) return path;
  if (found === false) {
    throw new Error(`Cannot make the folder ${path}, as there is a file of that name`);
  }
  return await nearestFolder(dirname(path));
}

/** Whether it is a folder or something else; undefined if there is nothing. */
async function isFolder(path: string): Promise<boolean | undefined> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

/** The absolute path, of the folder itself if `path` is a link. */
async function resolved(path: string): Promise<string> {
  if (path.trim() === "") throw new TypeError("Wanted the path of a folder, got none");
  try {
    return await Deno.realPath(path);
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (!isMissing) throw error;
    const isLink = await Deno.lstat(path).then(({ isSymlink }) => isSymlink, () => false);
    if (!isLink) return resolve(path);
    throw new Error(
      `${path} is a link to a folder that does not exist: make it, or remove the link`,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
