// Saves a model as one act: config.json, model.safetensors and companions appear together or not at all (disk_folder.ts). Over a saved
// model it goes in an order in which the folder holds a whole model at every moment: companions, config.json, and the weights last.
// That holds as only a model of the same config and companions is replaced: before the last rename the folder has the old weights with
// a config.json that differs in the dtype at most.

import { partsOf } from "../models/config/checkpoint_names.ts";
import { LoraLinear } from "../nn/lora/lora_linear.ts";
import { Module } from "../nn/module.ts";
import { kindOf, requireText } from "../tensor/argument_checks.ts";
import { requireObject } from "../tensor/option_names.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { type CompanionFile, readCompanions } from "./companions.ts";
import { publishFiles, requirePublishable } from "./disk_folder.ts";
import { requireReplaceable } from "./replaced_model.ts";
import { byteLength, STORED_AS } from "./safetensors_header.ts";
import { safetensorsPieces, type TensorToWrite } from "./safetensors_write.ts";
import { saveTogether, sharedBytes } from "./save_together.ts";

/**
 * Options of {@linkcode savePretrained}.
 *
 * @category Checkpoints
 */
export interface SaveOptions {
  /**
   * This rank of the job, if several have the model: rank 0 writes. Default: for a model that is split, its rank in the job that it was
   * split over; else 0.
   */
  readonly rank?: number;
  /** The folder that the model was loaded from: its tokenizer, chat template, license etc. are saved too. Default: none are. */
  readonly source?: string;
  /** Files to save beside the model, of other names than those of `source`. */
  readonly companions?: readonly CompanionFile[];
}

/**
 * Saves a model into a folder in the format of Hugging Face: config.json, as it was loaded, model.safetensors, and the companions of
 * `source`. A missing folder is created. All files appear together or not at all, and a saved model of the same config is replaced as
 * a whole: whenever this process is killed, the folder has the old model or the new one. Several processes may save into one folder;
 * the last one wins.
 *
 * If the model is split over ranks, all of them must call this function: rank 0 writes the whole model, one parameter at a time, and
 * the others' promises resolve when it is saved. If rank 0 cannot write, all of them throw.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { newModel, RandomSource, requestDevice, savePretrained } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice();
 * const config = {
 *   model_type: "gpt2",
 *   vocab_size: 16,
 *   n_embd: 8,
 *   n_layer: 1,
 *   n_head: 2,
 *   n_positions: 8,
 * };
 * using model = newModel(device, config, { random: new RandomSource(1) });
 * const folder = await Deno.makeTempDir();
 * await savePretrained(model, folder);
 * const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
 * assert.deepEqual(names.toSorted(), ["config.json", "model.safetensors"]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @throws {TypeError} if the folder holds another model, one of several files, or other companions.
 * @throws {Error} if the folder cannot be written or the disk has too little space; what was there is unchanged.
 * @category Checkpoints
 */
export async function savePretrained(
  model: PretrainedModel<never>,
  folder: string,
  options: SaveOptions = {},
): Promise<void> {
  if (!(model instanceof Module && "form" in model)) {
    throw new TypeError(
      `savePretrained() wants a model that newModel() or loadPretrained() made, got ${
        kindOf(model)
      }: saveModule() saves others`,
    );
  }
  requireText("savePretrained()", "a folder", folder);
  requireObject("savePretrained()", options, "source");
  await saveTogether(model, {
    tensors: tensorsOf(model),
    rank: options.rank,
    check: () => requireSavable(model, folder, options),
    write: (tensors) => write(model, { folder, tensors, options }),
  });
}

/**
 * Verifies that {@linkcode savePretrained} can save the model there, as far as that can be known before; writes nothing that stays. Only
 * the rank that is to write calls it.
 *
 * @throws {Error} as `savePretrained`
 */
export async function requireSavable(
  model: PretrainedModel<never>,
  folder: string,
  options: Pick<SaveOptions, "source" | "companions"> = {},
): Promise<void> {
  const companions = await companionsFor(options);
  await requireReplaceable(folder, { config: model.form.config, companions });
  const weights = tensorsOf(model).reduce((total, each) => total + byteLength(each), 0);
  await requirePublishable(folder, {
    names: [...companions.map(({ name }) => name), CONFIG, WEIGHTS],
    bytes: companions.reduce((total, { bytes }) => total + bytes.length, weights),
  });
}

async function write(
  model: PretrainedModel<never>,
  { folder, tensors, options }: {
    readonly folder: string;
    readonly tensors: readonly TensorToWrite[];
    readonly options: SaveOptions;
  },
): Promise<void> {
  const { config } = model.form;
  // As transformers does: some parameters, such as routers, may be stored in another type.
  const [{ dtype }] = model.parameters();
  const { text } = config.withDtype(IN_CONFIG[dtype]);
  const companions = await companionsFor(options);
  const files = [
    ...companions.map(({ name, bytes }) => ({ name, pieces: [bytes] })),
    { name: CONFIG, pieces: [new TextEncoder().encode(text)] },
    { name: WEIGHTS, pieces: safetensorsPieces(tensors, { format: "pt" }) },
  ];
  const beforeReplacing = () => requireReplaceable(folder, { config, companions });
  await publishFiles(folder, files, { beforeReplacing });
}

async function companionsFor(
  { source, companions = [] }: Pick<SaveOptions, "source" | "companions">,
): Promise<readonly CompanionFile[]> {
  const given = new Set(companions.map(({ name }) => name));
  const found = source === undefined ? [] : await readCompanions(source);
  return [...found.filter(({ name }) => !given.has(name)), ...companions];
}

function tensorsOf(model: PretrainedModel<never>): TensorToWrite[] {
  if (model.modules().some((module) => module instanceof LoraLinear)) {
    throw new TypeError(
      "Cannot save a model with low-rank additions as one: merge() them first, or save them alone by saveLora()",
    );
  }
  const { names } = model.form;
  return [...model.namedParameters(), ...model.namedBuffers()].flatMap(([path, parameter]) => {
    const parts = partsOf(path, parameter.layout.wholeShape, names);
    const read = sharedBytes(parameter, parts.length);
    return parts.map(({ name, shape }, index) => ({
      name,
      dtype: STORED_AS[parameter.dtype],
      shape,
      bytes: () => read(index),
    }));
  });
}

const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";

const IN_CONFIG = { f32: "float32", f16: "float16", bf16: "bfloat16" } as const;
