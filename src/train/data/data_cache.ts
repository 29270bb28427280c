// Files that are made from data once and then read by every rank on the machine, and by the next training:
//
//   <cache>/meshfactor/<key>/...          what was made, under a key of everything that determines it
//   <cache>/meshfactor/<key>.lock         held by the process that makes it
//   <cache>/meshfactor/<key>.<id>.partial while it is made
//
// <cache> is MESHFACTOR_CACHE, or XDG_CACHE_HOME/meshfactor, or ~/.cache/meshfactor. The next one to make something removes what was not
// used for 30 days, and what a process that was killed left unfinished.

import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/** The folder of the cache. */
export function cacheFolder(): string {
  const own = Deno.env.get("MESHFACTOR_CACHE");
  if (own) return own;
  const shared = Deno.env.get("XDG_CACHE_HOME") || join(homedir(), ".cache");
  return join(shared, "meshfactor");
}

/** How an entry is made, and opened by those that use it. */
export interface CacheEntry<Opened> {
  /** A name of letters and digits, of everything that determines the contents. */
  readonly key: string;
  /** Writes files into an empty folder. */
  readonly make: (folder: string) => Promise<void>;
  /** Opens what `make` wrote. @throws {Error} if it is not whole; it is then made again */
  readonly open: (folder: string) => Opened | Promise<Opened>;
  /** Called every half second while another process makes the entry, with the folder that it writes into. */
  readonly onWaiting?: ((folder: string) => void) | undefined;
}

/**
 * Opens an entry, which is made if it is missing; of several processes, one makes it, and the others wait for it.
 *
 * @throws {Error} if it cannot be made
 */
export async function openCached<Opened>(
  entry: CacheEntry<Opened>,
  cache: string = cacheFolder(),
): Promise<Opened> {
  await Deno.mkdir(cache, { recursive: true }).catch((cause) => {
    throw new Error(`Cannot make the folder ${cache}: ${cause.message}; ${ELSEWHERE}`, { cause });
  });
  const folder = join(cache, entry.key);
  using _lock = await lockFile(folder, entry.onWaiting);
  const found = await opened(entry, folder);
  if (found !== undefined) return found;
  await removeUnused(cache, entry.key);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const partial = `${folder}.${randomUUID()}${PARTIAL}`;
  try {
    await Deno.mkdir(partial);
    await entry.make(partial);
    await Deno.rename(partial, folder);
  } catch (cause) {
    await Deno.remove(partial, { recursive: true }).catch(() => {});
    if (!isOfDisk(cause)) throw cause;
    throw new Error(`Cannot write into ${cache}: ${cause.message}; ${ELSEWHERE}`, { cause });
  }
  return await entry.open(folder);
}

/** What is in the cache; undefined if it is missing or damaged. */
async function opened<Opened>(
  { open }: CacheEntry<Opened>,
  folder: string,
): Promise<Opened | undefined> {
  try {
    const found = await open(folder);
    // Not removed for another 30 days.
    await Deno.utime(folder, new Date(), new Date());
    return found;
  } catch {
    return undefined;
  }
}

/** Waits until no other process makes the entry. */
async function lockFile(
  folder: string,
  onWaiting: CacheEntry<unknown>["onWaiting"],
): Promise<Disposable> {
  using scope = new DisposableStack();
  const path = `${folder}.lock`;
  const file = scope.use(await Deno.open(path, { read: true, write: true, create: true }));
  const timer = setInterval(() => {
    const partial = partialOf(folder);
    if (partial !== undefined) onWaiting?.(partial);
  }, WAITING_MS);
  try {
    await file.lock(true);
  } finally {
    clearInterval(timer);
  }
  // A lock that is in use is not removed.
  await Deno.utime(path, new Date(), new Date());
  return scope.move();
}

/** The folder in which an entry is made; undefined if there is none. */
function partialOf(folder: string): string | undefined {
  const isPartial = (name: string) =>
    name.startsWith(`${basename(folder)}.`) && name.endsWith(PARTIAL);
  const found = [...Deno.readDirSync(dirname(folder))].find(({ name }) => isPartial(name));
  return found && join(dirname(folder), found.name);
}

/** Removes what was not used for long or has no process that makes it; this one makes `own`. */
async function removeUnused(cache: string, own: string): Promise<void> {
  for await (const { name } of Deno.readDir(cache)) {
    const path = join(cache, name);
    const { mtime } = await Deno.stat(path).catch(() => ({ mtime: null }));
    const isOld = mtime !== null && Date.now() - mtime.getTime() > UNUSED_MS;
    const isLeft = name.endsWith(PARTIAL) && !await isMade(cache, name.split(".")[0], own);
    // What another process reads stays readable until it closes it.
    if (isOld || isLeft) await Deno.remove(path, { recursive: true }).catch(() => {});
  }
}

/** Whether another process makes the entry of a key. */
async function isMade(cache: string, key: string, own: string): Promise<boolean> {
  if (key === own) return false;
  try {
    using file = await Deno.open(join(cache, `${key}.lock`), { read: true, write: true });
    return !await file.tryLock(true);
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

function isOfDisk(error: unknown): error is Error {
  return error instanceof Error &&
    ("code" in error || error instanceof Deno.errors.PermissionDenied);
}

const ELSEWHERE = "set MESHFACTOR_CACHE to a folder on a disk with more space";
const PARTIAL = ".partial";
const WAITING_MS = 500;
const UNUSED_MS = 30 * 24 * 3600 * 1000;
