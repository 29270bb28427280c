// Training checkpoints: everything that a training needs to go on, from a folder of them.
//
//   await saveCheckpoint("run", { model, optim, step });                     every 100 steps, say
//   const saved = await loadCheckpoint("run", { model, optim });             at the start: undefined if there is none
//   for (let step = (saved?.step ?? 0) + 1; ...)
//
// Each rank writes its share of weights and optimizer state into a file of its own; when all files are on the disk, rank 0 adds the
// manifest and publishes the folder with one rename. What one mesh has saved any other loads. beginCheckpoint() returns when the
// share is copied to host memory; it is written while training goes on.

import type { ProcessGroup } from "../distributed/group.ts";
import { manifestText, readManifest } from "./checkpoint_manifest.ts";
import {
  checkpointPath,
  checkpointSteps,
  type FileFacts,
  makeTemporary,
  newId,
  publishCheckpoint,
  removeCheckpoint,
  removeTemporary,
  temporaryPath,
  writeHashed,
} from "./disk_checkpoints.ts";
import { safetensorsPieces } from "./safetensors_write.ts";
import { sharedTexts } from "./shared_texts.ts";
import { requireStepNumber, requireTraining } from "./training_arguments.ts";
import { copyShare, type StateNumbers, type TrainingState } from "./training_state.ts";

/**
 * What {@linkcode saveCheckpoint} saves.
 *
 * @category Checkpoints
 */
export interface CheckpointContent<State extends object> extends TrainingState<State> {
  /** Steps taken. */
  readonly step: number;
  /** What else the training needs to go on, as JSON: the place in the data, flags. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** All ranks of the job, such as `world.group`; all of them call together. Default: this rank alone. */
  readonly group?: ProcessGroup | undefined;
  /** How many checkpoints stay: older ones are removed. Default: all. */
  readonly keep?: number | undefined;
  /** A number that is the lower the better, such as the held-out loss; the best of all checkpoints stays beside the latest `keep`. */
  readonly loss?: number | undefined;
}

/**
 * Saves a checkpoint as the folder `step-<step>` in `folder`. It is there as a whole or not at all; the promise resolves when it is on
 * the disk.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Adafactor, Linear, loadCheckpoint, mean, mul } from "@meshfactor/adafactor";
 * import { RandomSource, requestDevice, saveCheckpoint, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice();
 * const folder = await Deno.makeTempDir();
 *
 * // Trains up to `steps` steps, from the latest checkpoint.
 * async function train(steps: number): Promise<Uint8Array> {
 *   using model = new Linear(device, { inFeatures: 3, outFeatures: 2, random: new RandomSource(1) });
 *   using optim = new Adafactor(model.parameters(), { lr: 0.1 });
 *   const saved = await loadCheckpoint(folder, { model, optim });
 *   for (let step = (saved?.step ?? 0) + 1; step <= steps; step++) {
 *     using x = Tensor.from(device, [step, 1, 2], { shape: [1, 3] });
 *     const y = await model.forward(x);
 *     using loss = mean(mul(y, y));
 *     await optim.backward(loss);
 *     await optim.step();
 *     optim.zeroGrad();
 *     if (step % 2 === 0) await saveCheckpoint(folder, { model, optim, step, keep: 2 });
 *   }
 *   return await model.parameters()[0].bytes();
 * }
 *
 * await train(3); // saves after step 2, and is lost after step 3
 * const resumed = await train(6);
 * await Deno.remove(folder, { recursive: true });
 * assert.deepEqual(resumed, await train(6)); // the same bits as in one go
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @throws {CheckpointWriteError} on all ranks, if one of them cannot write; other checkpoints are unchanged.
 * @throws {TypeError} if the folder, the model or the optimizer is missing.
 * @throws {RangeError} if the step is no whole number from 0.
 * @category Checkpoints
 */
export async function saveCheckpoint<State extends object>(
  folder: string,
  content: CheckpointContent<State>,
): Promise<string> {
  return await (await beginCheckpoint(folder, content)).publish();
}

/**
 * A checkpoint could not be written, on some rank: the training itself is unharmed.
 *
 * @category Checkpoints
 */
export class CheckpointWriteError extends Error {
  /** "CheckpointWriteError" */
  override readonly name = "CheckpointWriteError";
}

/**
 * A checkpoint whose share of this rank is being written.
 *
 * @category Checkpoints
 */
export interface PendingCheckpoint {
  /** Steps taken. */
  readonly step: number;
  /** Whether this rank's share is on the disk, or cannot be. */
  readonly isWritten: boolean;
  /** Waits for all shares, and publishes them; all ranks call it together. Returns the path. @throws {CheckpointWriteError} on all ranks */
  publish(): Promise<string>;
}

/**
 * Copies this rank's share and begins to write it; all ranks call it together, and each must `publish()` later.
 *
 * @category Checkpoints
 */
export async function beginCheckpoint<State extends object>(
  folder: string,
  content: CheckpointContent<State>,
): Promise<PendingCheckpoint> {
  requireTraining("saveCheckpoint", folder, content);
  const { step, group } = content;
  requireStepNumber(step);
  const share = group ?? { rank: 0, size: 1 };
  const { tensors, numbers } = await copyShare(content, share);
  const id = await sharedId(group);
  const temporary = temporaryPath(folder, step, id);
  const scope = new DisposableStack();
  let isWritten = false;
  const writing = (async () => {
    if (share.rank === 0) scope.use(await makeTemporary(temporary));
    const place = { folder: temporary, name: partName(share.rank) };
    return await writeHashed(place, safetensorsPieces(tensors));
  })();
  const written = writing
    .then((facts) => ({ facts }), (error: unknown) => ({ error }))
    .finally(() => isWritten = true);
  return {
    step,
    get isWritten() {
      return isWritten;
    },
    async publish() {
      using _scope = scope;
      const outcome = await written;
      try {
        await throwTogether(group, "error" in outcome ? outcome.error : undefined);
        const files = await sharedFacts(group, (outcome as { facts: FileFacts }).facts);
        let failure: unknown;
        if (share.rank === 0) {
          failure = await publishAll(folder, { content, temporary, files, numbers })
            .then(() => undefined, (error: unknown) => error);
        }
        await throwTogether(group, failure);
      } finally {
        // What cannot be removed now is when the training goes on from a checkpoint.
        if (share.rank === 0) await removeTemporary(temporary).catch(() => {});
      }
      return checkpointPath(folder, step);
    },
  };
}

async function publishAll<State extends object>(
  folder: string,
  { content, temporary, files, numbers }: {
    readonly content: CheckpointContent<State>;
    readonly temporary: string;
    readonly files: Readonly<Record<string, FileFacts>>;
    readonly numbers: StateNumbers;
  },
): Promise<void> {
  const { step, extra = {}, keep, loss } = content;
  const manifest = manifestText({
    step,
    extra,
    numbers,
    files,
    ...(loss === undefined ? {} : { loss }),
  });
  await publishCheckpoint(temporary, { folder, step, manifest, files });
  if (keep !== undefined) await removeOld(folder, { keep, latest: step });
}

/** Removes all but the latest `keep` checkpoints up to `latest`, and the one of the lowest loss. */
async function removeOld(
  folder: string,
  { keep, latest }: { readonly keep: number; readonly latest: number },
): Promise<void> {
  const steps = await checkpointSteps(folder);
  const losses = await Promise.all(steps.map(async (step) => {
    const manifest = await readManifest(checkpointPath(folder, step)).catch(() => undefined);
    return manifest?.loss ?? Infinity;
  }));
  const lowest = Math.min(...losses);
  const best = lowest === Infinity ? undefined : steps[losses.indexOf(lowest)];
  const kept = new Set(steps.filter((step) => step <= latest).slice(0, Math.max(1, keep)));
  for (const step of steps) {
    if (step <= latest && !kept.has(step) && step !== best) await removeCheckpoint(folder, step);
  }
}

/** A unique name that all ranks have. */
async function sharedId(group: ProcessGroup | undefined): Promise<string> {
  const [id] = await sharedTexts(
    group,
    group === undefined || group.rank === 0 ? newId() : undefined,
  );
  return id;
}

/** By file name, from all ranks. */
async function sharedFacts(
  group: ProcessGroup | undefined,
  own: FileFacts,
): Promise<Record<string, FileFacts>> {
  const texts = await sharedTexts(group, `${own.bytes} ${own.sha256}`);
  return Object.fromEntries(texts.map((text, rank) => {
    const [bytes, sha256] = text.split(" ");
    return [partName(rank), { bytes: Number(bytes), sha256 }];
  }));
}

/** Throws on all ranks if one of them has an error. */
async function throwTogether(group: ProcessGroup | undefined, error: unknown): Promise<void> {
  const own = error === undefined
    ? undefined
    : error instanceof Error
    ? error.message
    : String(error);
  const [text] = await sharedTexts(group, own);
  if (text === undefined) return;
  throw new CheckpointWriteError(`Cannot save a checkpoint: ${text}`, { cause: error });
}

function partName(rank: number): string {
  return `rank-${rank}.safetensors`;
}
