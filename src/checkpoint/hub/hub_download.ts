// Downloads one file into the cache. What has arrived stays in <hash>.incomplete, so that after a cut, of the connection or of the
// process, the download goes on where it was. The file gets its name once its size and hash are right.

import { createHash } from "node:crypto";
import { exists, type HubCache } from "./hub_cache.ts";
import { type HubFile, type HubModel, HubRefusedError } from "./hub_requests.ts";

/**
 * How far a download has got.
 *
 * @category Checkpoints
 */
export interface DownloadProgress {
  /** The file's name. */
  readonly file: string;
  /** Bytes that have arrived. */
  readonly received: number;
  /** Bytes of the whole file. */
  readonly total: number;
}

/** What {@linkcode downloadFile} needs. */
export interface DownloadOptions {
  readonly model: HubModel;
  readonly cache: HubCache;
  readonly commit: string;
  readonly onProgress: ((progress: DownloadProgress) => void) | undefined;
  /** Milliseconds before the first attempt to go on after a cut; doubled each time. */
  readonly pause: number;
}

/** Downloads a file unless it is cached. @throws {Error} if the connection is cut too often, or the file is not what the hub said */
export async function downloadFile(file: HubFile, options: DownloadOptions): Promise<void> {
  const { cache, commit } = options;
  const hash = file.sha256 ?? file.gitHash!;
  const path = await cache.blob(hash);
  if (!await exists(path)) {
    using _lock = await lockFile(path, { file, hash, options });
    // Another process may have downloaded it meanwhile.
    if (!await exists(path)) await fetchTo(path, file, options);
    options.onProgress?.({ file: file.path, received: file.size, total: file.size });
  }
  await cache.link(hash, { commit, name: file.path });
}

/** Waits until no other process downloads the file, and reports how far that one has got. */
async function lockFile(path: string, { file, hash, options: { cache, onProgress } }: {
  readonly file: HubFile;
  readonly hash: string;
  readonly options: DownloadOptions;
}): Promise<Disposable> {
  const timer = setInterval(async () => {
    const received = await sizeOf(`${path}.incomplete`);
    onProgress?.({ file: file.path, received, total: file.size });
  }, LOOK_MS);
  try {
    return await cache.lock(hash);
  } finally {
    clearInterval(timer);
  }
}

async function fetchTo(path: string, file: HubFile, options: DownloadOptions): Promise<void> {
  const incomplete = `${path}.incomplete`;
  for (let attempt = 1;; attempt++) {
    const before = await sizeOf(incomplete);
    try {
      await fetchRest(incomplete, file, options);
      break;
    } catch (error) {
      if (error instanceof HubRefusedError) throw error;
      const hasMore = await sizeOf(incomplete) > before;
      if (hasMore) attempt = 0;
      else if (attempt >= ATTEMPTS) {
        throw new Error(
          `Cannot download ${file.path}: ${
            error instanceof Error ? error.message : error
          }; what has arrived is kept, and the next attempt goes on from there`,
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, options.pause * 2 ** attempt));
    }
  }
  const problem = await problemOf(incomplete, file);
  if (problem !== undefined) {
    await Deno.remove(incomplete);
    throw new Error(`${file.path} arrived damaged (${problem}): download it again`);
  }
  await Deno.rename(incomplete, path);
}

/** Appends what is missing. */
async function fetchRest(
  incomplete: string,
  file: HubFile,
  { model, commit, onProgress }: DownloadOptions,
): Promise<void> {
  using to = await Deno.open(incomplete, { create: true, append: true });
  let { size: received } = await to.stat();
  const report = () => onProgress?.({ file: file.path, received, total: file.size });
  report();
  if (received >= file.size) return;
  const reader = (await model.read(file, { commit, begin: received })).getReader();
  try {
    while (received < file.size) {
      const { value, done } = await withTimeout(reader.read());
      if (done) throw new Error(`the connection ended after ${received} of ${file.size} bytes`);
      for (let at = 0; at < value.length;) at += await to.write(value.subarray(at));
      received += value.length;
      report();
    }
    await to.sync();
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function withTimeout<Value>(reading: Promise<Value>): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const seconds = STALLED_MS / 1000;
  const timer = setTimeout(() => reject(new Error(`nothing came for ${seconds} s`)), STALLED_MS);
  try {
    return await Promise.race([reading, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is wrong with a file; undefined if it has the size and the hash that the hub gave. */
async function problemOf(
  path: string,
  { size, sha256, gitHash }: HubFile,
): Promise<string | undefined> {
  const actual = await sizeOf(path);
  if (actual !== size) return `${actual} bytes, wanted ${size}`;
  const hash = createHash(sha256 === undefined ? "sha1" : "sha256");
  if (sha256 === undefined) hash.update(`blob ${size}\0`);
  using file = await Deno.open(path);
  const buffer = new Uint8Array(2 ** 20);
  for (let count; (count = await file.read(buffer)) !== null;) {
    hash.update(buffer.subarray(0, count));
  }
  const digest = hash.digest("hex");
  const wanted = sha256 ?? gitHash;
  return digest === wanted ? undefined : `hash ${digest}, wanted ${wanted}`;
}

async function sizeOf(path: string): Promise<number> {
  return await Deno.stat(path).then(({ size }) => size, () => 0);
}

/** Attempts in a row in which nothing arrives. */
const ATTEMPTS = 4;
const LOOK_MS = 500;
const STALLED_MS = 60_000;
