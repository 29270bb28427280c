// What a training will write is tried before its first step, so that hours of training do not end at a folder that cannot be written.
// Companions of the model are read at the start: later they might be gone.

import { basename, dirname, resolve } from "node:path";
import { type CompanionFile, readCompanions } from "../checkpoint/companions.ts";
import { checkpointSteps } from "../checkpoint/disk_checkpoints.ts";
import { disk } from "../checkpoint/disk.ts";
import { lockFolder, requirePublishable } from "../checkpoint/disk_folder.ts";
import { requireSavable } from "../checkpoint/save_pretrained.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { bytesPerElement } from "../tensor/dtype.ts";
import type { TrainOptions } from "./train_options.ts";

/** The flags that name files. */
type FileFlags = Pick<
  TrainOptions,
  | "model"
  | "data"
  | "tokenizer"
  | "save"
  | "log"
  | "curve"
  | "checkpoints"
  | "keep"
  | "masterWeights"
  | "resume"
>;

/** The files to save beside the model: those of its folder, with the tokenizer that it is trained with. */
export async function companionsFor({ model, tokenizer }: FileFlags): Promise<CompanionFile[]> {
  const others = await readCompanions(model, ["other"]);
  // A model of images has none; for one of text it was read before.
  if (tokenizer === "bytes" || !await disk.has(tokenizer)) return others;
  const beside = await readCompanions(dirname(tokenizer), ["tokenizer"]);
  return [
    ...others,
    ...beside.filter(({ name }) => name !== TOKENIZER),
    { name: TOKENIZER, bytes: await Deno.readFile(tokenizer) },
  ];
}

const TOKENIZER = "tokenizer.json";

/** Verifies that everything can be written; leaves nothing behind. @throws {Error} naming what cannot, and why */
export async function requireWritableOutputs(
  model: PretrainedModel<never>,
  flags: FileFlags,
  companions: readonly CompanionFile[],
): Promise<void> {
  const { save, log, curve } = flags;
  if (log !== undefined) await requireWritableFile(log, { flag: "--log", flags });
  if (curve !== undefined) {
    await requireWritableFile(curve, { flag: "--curve", flags });
    if (log !== undefined && resolve(curve) === resolve(log)) {
      throw new TypeError(`--curve and --log are the same file, ${log}: give two`);
    }
  }
  if (flags.checkpoints !== undefined) {
    await requireUsableCheckpoints(model, flags.checkpoints, flags);
  }
  if (save === undefined) return;
  if (save.trim() === "") throw new TypeError("--save needs the path of a folder");
  await requireSavable(model, save, { companions });
}

async function requireUsableCheckpoints(
  model: PretrainedModel<never>,
  folder: string,
  { keep, masterWeights, resume }: FileFlags,
): Promise<void> {
  if (folder.trim() === "") throw new TypeError("--checkpoints needs the path of a folder");
  const bytes = model.parameters().reduce(
    (total, { dtype, length }) =>
      total + length * (bytesPerElement(dtype) + (masterWeights ? bytesPerElement("f32") : 0)),
    0,
  );
  // One more than stay is there while it is written.
  await requirePublishable(folder, { names: [], bytes: (keep + 1) * bytes });
  const [latest] = await checkpointSteps(folder);
  if (latest === undefined || resume) return;
  throw new TypeError(
    `--checkpoints ${folder} holds checkpoints of an earlier training, up to step ${latest}: ` +
      "give --resume to go on from it, or another folder",
  );
}

/**
 * Makes the folder of checkpoints and locks it for this training until disposed.
 *
 * @throws {TypeError} if another training is using it
 */
export async function lockCheckpoints(folder: string): Promise<Disposable> {
  await Deno.mkdir(folder, { recursive: true });
  const lock = await lockFolder(folder);
  if (lock !== undefined) return lock;
  throw new TypeError(
    `--checkpoints ${folder} is in use by another training: wait for its end, or give another folder`,
  );
}

async function requireWritableFile(
  path: string,
  { flag, flags: { model, data, tokenizer } }: {
    readonly flag: "--log" | "--curve";
    readonly flags: FileFlags;
  },
): Promise<void> {
  const stat = await Deno.stat(path).catch(() => undefined);
  if (path.trim() === "" || stat?.isDirectory) {
    throw new TypeError(`${flag} needs the path of a file, and got the folder "${path}"`);
  }
  const inputs = [...data, tokenizer, `${model}/config.json`, `${model}/model.safetensors`];
  for (const input of inputs) {
    if (stat === undefined || !await isSameFile(path, input)) continue;
    throw new TypeError(
      `${flag} ${path} would overwrite ${input}, which is read: give another file`,
    );
  }
  try {
    using _file = await Deno.open(path, { append: true, create: true });
  } catch (error) {
    const what = flag === "--log" ? "log" : "curve";
    const reason = error instanceof Deno.errors.NotFound
      ? `there is no folder ${dirname(path)} for ${basename(path)}: make it`
      : error instanceof Deno.errors.NotCapable
      ? "programs of Deno may not write there; give another file"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new Error(`Cannot write the ${what} ${path}: ${reason}`, { cause: error });
  }
  if (stat === undefined) await Deno.remove(path);
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const paths = await Promise.all(
    [one, other].map((path) => Deno.realPath(path).catch(() => undefined)),
  );
  return paths[0] !== undefined && paths[0] === paths[1];
}
