// Loads models in the format of Hugging Face: a folder with config.json and model.safetensors, or several safetensors files and an
// index; save_pretrained.ts saves them.
//
//   using model = await loadPretrained(device, "gpt2", { model: Decoder });
//   ...train it...
//   await savePretrained(model, "gpt2-trained");        transformers loads it, and so does loadPretrained(): the same bits

import type { Device } from "../device/device.ts";
import { architectureOf } from "../models/architectures.ts";
import { ModelConfig } from "../models/config/model_config.ts";
import type { Architecture, PretrainedModel } from "../models/pretrained_model.ts";
import type { ProblemType } from "../models/losses/classification_loss.ts";
import { requireDevice, requireText } from "../tensor/argument_checks.ts";
import { requireObject } from "../tensor/option_names.ts";
import type { RandomSource } from "../nn/philox.ts";
import { CheckpointFolder } from "./checkpoint_folder.ts";
import { CheckpointParameters, type StorageOptions } from "./checkpoint_parameters.ts";
import { disk } from "./disk.ts";
import { modelFolder, type ModelFolderOptions } from "./hub/model_folder.ts";
import { requireNoPointer } from "./lfs_pointer.ts";
import { withHead } from "./new_head.ts";
import { noModel } from "./other_formats.ts";
import { withoutWrappers } from "./stored_names.ts";

/**
 * Options of {@linkcode loadPretrained}.
 *
 * @category Checkpoints
 */
export interface LoadOptions<Model extends PretrainedModel = PretrainedModel>
  extends StorageOptions, ModelFolderOptions {
  /** The class that the model must have, such as `Decoder`. Default: any. */
  readonly model?: abstract new (...args: never[]) => Model;
  /**
   * Names of the classes of a classifier, in their order. Default: those of config.json. Another number of them than the checkpoint
   * has, or a checkpoint without a classifier, needs `random`.
   */
  readonly labels?: readonly string[] | undefined;
  /** With `labels`: what they are, for `classificationLoss()` and for the pipelines of transformers. Default: as config.json says. */
  readonly problemType?: ProblemType | undefined;
  /** Source of initial values of a new head, if the checkpoint has none. Default: a checkpoint without the head is refused. */
  readonly random?: RandomSource | undefined;
  /** Called once the model is loaded. */
  readonly onLoaded?: ((report: LoadReport) => void) | undefined;
}

/**
 * What became of the tensors of a checkpoint, by their names in its files.
 *
 * @category Checkpoints
 */
export interface LoadReport {
  /** The folder that was read. */
  readonly folder: string;
  /** Tensors of the model that the files lack: they have initial values, and need training. */
  readonly newTensors: readonly string[];
  /** Tensors of the files that the model does not have, such as another head; buffers that models compute are not among them. */
  readonly unusedTensors: readonly string[];
}

/**
 * Loads a model in the format of Hugging Face: config.json and safetensors files, read one parameter at a time. `name` is a local
 * folder, or the id of a model on the hub, such as `HuggingFaceTB/SmolLM2-135M`, as in {@linkcode modelFolder}. Dropout is off unless a forward pass is given masks, whatever the config says.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Decoder, loadPretrained, newModel, RandomSource } from "@meshfactor/adafactor";
 * import { requestDevice, savePretrained } from "@meshfactor/adafactor";
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
 * using untrained = newModel(device, config, { random: new RandomSource(1) });
 * const folder = await Deno.makeTempDir();
 * await savePretrained(untrained, folder); // or any folder with config.json and model.safetensors
 *
 * using model = await loadPretrained(device, folder, { model: Decoder, dtype: "bf16" });
 * assert.ok(model.parameters().every(({ dtype }) => dtype === "bf16"));
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @throws {TypeError} naming a setting of config.json that is missing, wrong or not supported, or if the model has another class than
 *   requested.
 * @throws {SafetensorsError} naming a tensor that is missing, unexpected, damaged, or of another shape than the config says.
 * @throws {Deno.errors.NotFound} if a file that an index names is missing.
 * @throws {Error} as {@linkcode modelFolder}
 * @category Checkpoints
 */
export async function loadPretrained<Model extends PretrainedModel = PretrainedModel>(
  device: Device,
  name: string,
  options: LoadOptions<Model> = {},
): Promise<Model> {
  requireDevice("loadPretrained()", device);
  requireText("loadPretrained()", "a folder, or of a model on the hub", name);
  requireObject("loadPretrained()", options, "model");
  const { model: wanted, labels, problemType, random, onLoaded, ...rest } = options;
  const { revision, onDownload, ...storage } = rest;
  const folder = await modelFolder(name, { revision, onDownload });
  const read = await readConfig(folder);
  const architecture = architectureOf(read, { wanted, anyHead: true });
  const { config, head } = withHead(read, { architecture, labels, problemType, random });
  using files = await CheckpointFolder.open(folder);
  const isUntied = await holdsUntied(files, architecture);
  const builder = architecture.fromConfig(config, { isUntied });
  const source = new CheckpointParameters(device, {
    folder: files,
    names: builder.names,
    storage,
    head,
  });
  let model: PretrainedModel | undefined;
  try {
    model = builder.build(source);
    if (wanted !== undefined && !(model instanceof wanted)) {
      throw config.error(`its model is a ${model.constructor.name}, wanted a ${wanted.name}`);
    }
    await source.fill();
    const { newTensors, unusedTensors } = source;
    onLoaded?.({ folder, newTensors, unusedTensors });
    return model as Model;
  } catch (error) {
    source.releaseAll();
    model?.[Symbol.dispose]();
    throw error;
  }
}

async function holdsUntied(
  files: CheckpointFolder,
  { mayBeTied: [one, other] = ["", ""] }: Architecture,
): Promise<boolean> {
  const stored = (name: string) => files.names.find((each) => withoutWrappers(each) === name);
  const [first, second] = [stored(one), stored(other)];
  return first !== undefined && second !== undefined && !await files.equal(first, second);
}

/** The config.json of a folder. @throws {TypeError} if there is none, saying what to do about what there is */
export async function readConfig(folder: string): Promise<ModelConfig> {
  const where = `${folder}/${CONFIG}`;
  if (!await disk.has(where)) throw await noModel(folder, disk);
  const text = await disk.readText(where);
  requireNoPointer(text, where);
  return new ModelConfig(text, { where });
}

const CONFIG = "config.json";
