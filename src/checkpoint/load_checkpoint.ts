// Loads the latest training checkpoint that is whole. All ranks verify files together, each its share of them, and take the same one.

import type { ProcessGroup } from "../distributed/group.ts";
import { damageOf, type Manifest, readManifest } from "./checkpoint_manifest.ts";
import {
  checkpointPath,
  checkpointSteps,
  isCheckpoint,
  removeUnfinished,
} from "./disk_checkpoints.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { sharedTexts } from "./shared_texts.ts";
import { requireTraining } from "./training_arguments.ts";
import { restoreState, type StoredTensor, type TrainingState } from "./training_state.ts";

/**
 * What {@linkcode loadCheckpoint} overwrites, and how.
 *
 * @category Checkpoints
 */
export interface LoadCheckpointOptions<State extends object> extends TrainingState<State> {
  /** All ranks of the job, such as `world.group`; all of them call together. Default: this rank alone. */
  readonly group?: ProcessGroup | undefined;
  /** Receives a sentence about each checkpoint that is damaged or was not finished. Default: `console.warn`. */
  readonly onWarning?: (text: string) => void;
  /** Throws if the checkpoint is not of this training; called before anything is overwritten. */
  readonly check?: (checkpoint: LoadedCheckpoint) => void;
}

/**
 * A checkpoint that was loaded.
 *
 * @category Checkpoints
 */
export interface LoadedCheckpoint {
  /** Steps taken. */
  readonly step: number;
  /** What was stored with it. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** Its folder. */
  readonly path: string;
}

/**
 * Overwrites the model's weights and the optimizer's state by those of the latest whole checkpoint in `folder`, on any mesh. One that
 * is damaged is reported and left alone, one that a killed process did not finish is reported and removed.
 *
 * @returns undefined, with nothing overwritten, if there is none
 * @throws {TypeError} if the checkpoint is of a model of other parameters, or an optimizer of other options; if the model or the
 *   optimizer is missing, or the folder is itself a checkpoint
 * @category Checkpoints
 */
export async function loadCheckpoint<State extends object>(
  folder: string,
  options: LoadCheckpointOptions<State>,
): Promise<LoadedCheckpoint | undefined> {
  requireTraining("loadCheckpoint", folder, options);
  const { group, onWarning = (text) => console.warn(text), check = () => {} } = options;
  const isFirst = group === undefined || group.rank === 0;
  const unfinished = isFirst ? await removeUnfinished(folder) : [];
  const list = isFirst
    ? [unfinished.join(), (await checkpointSteps(folder)).join(), await isCheckpoint(folder)]
    : undefined;
  const [shared] = await sharedTexts(group, list?.join(";"));
  const [names, steps, [isItself]] = shared.split(";")
    .map((part) => part.split(",").filter(Boolean));
  if (isItself === "true") {
    throw new TypeError(
      `${folder} is itself a checkpoint: give the folder that it is in, from which the latest is taken`,
    );
  }
  for (const name of names) onWarning(`The checkpoint ${name} in ${folder} was not finished`);
  for (const step of steps.map(Number)) {
    const path = checkpointPath(folder, step);
    const manifest = await readManifest(path).catch((error: Error) => error.message);
    const problems = await sharedTexts(
      group,
      typeof manifest === "string" ? manifest : await firstDamage(path, { manifest, group }),
    );
    if (problems.length > 0 || typeof manifest === "string") {
      onWarning(`The checkpoint ${path} is damaged (${problems[0]}): trying the one before`);
      continue;
    }
    const checkpoint = { step, extra: manifest.extra, path };
    check(checkpoint);
    await restore(path, { manifest, options });
    return checkpoint;
  }
  return undefined;
}

/** The damage of the first of this rank's share of files that has any. */
async function firstDamage(
  path: string,
  { manifest, group }: { readonly manifest: Manifest; readonly group: ProcessGroup | undefined },
): Promise<string | undefined> {
  const { rank, size } = group ?? { rank: 0, size: 1 };
  for (const [index, [name, facts]] of Object.entries(manifest.files).entries()) {
    if (index % size !== rank) continue;
    const damage = await damageOf(path, { name, facts })
      .catch((error: Error) => `${name} cannot be read: ${error.message}`);
    if (damage !== undefined) return damage;
  }
  return undefined;
}

async function restore<State extends object>(
  path: string,
  { manifest, options }: {
    readonly manifest: Manifest;
    readonly options: LoadCheckpointOptions<State>;
  },
): Promise<void> {
  using scope = new DisposableStack();
  const tensors = new Map<string, StoredTensor>();
  for (const fileName of Object.keys(manifest.files)) {
    const file = scope.use(await SafetensorsFile.open(`${path}/${fileName}`));
    for (const [name, { dtype, shape }] of file.tensors) {
      tensors.set(name, { dtype, shape, read: () => file.read(name) });
    }
  }
  const numbers = Object.fromEntries(
    Object.entries(manifest.numbers).map(([name, fields]) => [name, { ...fields }]),
  );
  await restoreState(options, { tensors, numbers });
}
