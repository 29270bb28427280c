// A folder of checkpoints on this machine. A checkpoint is a folder of files, written under a temporary name and published with one
// rename; a manifest in it lists the length and the SHA-256 of every other file.
//
//   run/step-00000200/             manifest.json  rank-0.safetensors  rank-1.safetensors
//   run/.step-00000300.saving-<id>                                            being written, or its writer was killed

import { Buffer } from "node:buffer";
import { createHash, randomUUID } from "node:crypto";
import { join } from "node:path";
import { syncFolder, writeNew } from "./disk.ts";
import { lockFolder } from "./disk_folder.ts";

/** The length and checksum of a file. */
export interface FileFacts {
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** Name of the manifest. */
export const MANIFEST = "manifest.json";

/** Steps of the checkpoints in a folder, the latest first; none if the folder is missing. */
export async function checkpointSteps(folder: string): Promise<number[]> {
  const names = await namesIn(folder);
  return names.flatMap((name) => {
    const match = /^step-(\d{8,})$/.exec(name);
    return match === null ? [] : [Number(match[1])];
  }).toSorted((a, b) => b - a);
}

/** Whether the folder is not one of checkpoints, but a checkpoint. */
export async function isCheckpoint(folder: string): Promise<boolean> {
  return (await namesIn(folder)).includes(MANIFEST);
}

/** The path of a checkpoint. */
export function checkpointPath(folder: string, step: number): string {
  return join(folder, nameOf(step));
}

/** A new temporary folder for a checkpoint, which several processes may write into. */
export function temporaryPath(folder: string, step: number, id: string): string {
  return join(folder, `.${nameOf(step)}${SAVING}${id}`);
}

/** A unique name. */
export function newId(): string {
  return randomUUID();
}

/** Makes a temporary folder and locks it until disposed. */
export async function makeTemporary(path: string): Promise<Disposable> {
  await Deno.mkdir(path, { recursive: true });
  return await lockFolder(path) ?? new DisposableStack();
}

/** Writes a file in pieces, into a folder that is made if it is missing, and waits until it is on the disk. */
export async function writeHashed(
  { folder, name }: { readonly folder: string; readonly name: string },
  pieces: AsyncIterable<Uint8Array>,
): Promise<FileFacts> {
  await Deno.mkdir(folder, { recursive: true });
  const hash = createHash("sha256");
  let bytes = 0;
  await writeNew(
    join(folder, name),
    (async function* () {
      for await (const piece of pieces) {
        // In parts, so that a training that goes on meanwhile does not wait long.
        for (let at = 0; at < piece.length; at += PART_BYTES) {
          const part = piece.subarray(at, at + PART_BYTES);
          hash.update(part);
          bytes += part.length;
          yield part;
        }
      }
    })(),
  );
  return { bytes, sha256: hash.digest("hex") };
}

const PART_BYTES = 2 ** 22;

/** Publishes a temporary folder as the checkpoint of a step, in place of one that is there. */
export async function publishCheckpoint(
  temporary: string,
  { folder, step, manifest, files }: {
    readonly folder: string;
    readonly step: number;
    readonly manifest: string;
    /** The files that it must have. */
    readonly files: Readonly<Record<string, FileFacts>>;
  },
): Promise<void> {
  for (const [name, { bytes }] of Object.entries(files)) {
    const { size } = await Deno.stat(join(temporary, name)).catch(() => ({ size: -1 }));
    if (size === bytes) continue;
    throw new Error(
      `Cannot find ${name} of ${bytes} bytes in ${folder}: all ranks need the same folder, on a shared disk`,
    );
  }
  await writeNew(join(temporary, MANIFEST), [new TextEncoder().encode(manifest)]);
  await syncFolder(temporary);
  const target = checkpointPath(folder, step);
  const replaced = temporaryPath(folder, step, `${newId()}.replaced`);
  const isThere = (await checkpointSteps(folder)).includes(step);
  if (isThere) await Deno.rename(target, replaced);
  await Deno.rename(temporary, target);
  await syncFolder(folder);
  if (isThere) await Deno.remove(replaced, { recursive: true });
}

/** Removes a checkpoint: first its name, so that a removal that is cut off leaves no half of it. */
export async function removeCheckpoint(folder: string, step: number): Promise<void> {
  const removed = temporaryPath(folder, step, `${newId()}.removed`);
  await Deno.rename(checkpointPath(folder, step), removed);
  await Deno.remove(removed, { recursive: true });
}

/** Removes a temporary folder, if it is there. */
export async function removeTemporary(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** Removes what killed processes were writing, and returns the names of the checkpoints that were not finished. */
export async function removeUnfinished(folder: string): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await namesIn(folder)) {
    const match = /^\.(step-\d{8,})\.saving-/.exec(name);
    if (match === null) continue;
    using lock = await lockFolder(join(folder, name));
    if (lock === undefined) continue;
    await removeTemporary(join(folder, name));
    if (!/\.(replaced|removed)$/.test(name)) removed.push(match[1]);
  }
  return removed;
}

/** The length and checksum of a file; undefined if there is none. */
export async function factsOf(path: string): Promise<FileFacts | undefined> {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    using file = await Deno.open(path);
    const part = new Uint8Array(PART_BYTES);
    for (let count = await file.read(part); count !== null; count = await file.read(part)) {
      hash.update(Buffer.from(part.buffer, 0, count));
      bytes += count;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** The SHA-256 of text, as lower-case hexadecimal. */
export function sha256(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

function nameOf(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

const SAVING = ".saving-";

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
