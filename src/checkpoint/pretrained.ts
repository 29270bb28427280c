// Loads and saves models in the format of Hugging Face: a folder with config.json and model.safetensors, or several safetensors files
// and an index.
//
//   using model = await loadPretrained(device, "gpt2", { model: Decoder });
//   ...train it...
//   await savePretrained(model, "gpt2-trained");        transformers loads it, and so does loadPretrained(): the same bits

import type { Device } from "../device/device.ts";
import { architectureOf } from "../models/architectures.ts";
import { nameOf } from "../models/config/checkpoint_names.ts";
import { ModelConfig } from "../models/config/model_config.ts";
import type { Architecture, PretrainedModel } from "../models/pretrained_model.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { CheckpointFolder } from "./checkpoint_folder.ts";
import { CheckpointParameters, type StorageOptions } from "./checkpoint_parameters.ts";
import { disk } from "./disk.ts";
import type { SafetensorsDtype } from "./safetensors_header.ts";
import { inWritingOrder, writeSafetensors } from "./safetensors_write.ts";
import { wholeBytes } from "./whole_bytes.ts";

/**
 * Options of {@linkcode loadPretrained}.
 *
 * @category Checkpoints
 */
export interface LoadOptions<Model extends PretrainedModel = PretrainedModel>
  extends StorageOptions {
  /** The class that the model must have, such as `Decoder`. Default: any. */
  readonly model?: abstract new (...args: never[]) => Model;
}

/**
 * Loads a model from a local folder in the format of Hugging Face: config.json and safetensors files, read one parameter at a time.
 * Dropout is off unless a forward pass is given masks, whatever the config says.
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
 * @throws {Deno.errors.NotFound} if a file is missing.
 * @category Checkpoints
 */
export async function loadPretrained<Model extends PretrainedModel = PretrainedModel>(
  device: Device,
  folder: string,
  options: LoadOptions<Model> = {},
): Promise<Model> {
  const { model: wanted, ...storage } = options;
  const where = `${folder}/${CONFIG}`;
  const config = new ModelConfig(await disk.readText(where), { where });
  const architecture = architectureOf(config);
  using files = await CheckpointFolder.open(folder);
  const isUntied = await holdsUntied(files, architecture);
  const builder = architecture.fromConfig(config, { isUntied });
  const source = new CheckpointParameters(device, { folder: files, names: builder.names, storage });
  let model: PretrainedModel | undefined;
  try {
    model = builder.build(source);
    if (wanted !== undefined && !(model instanceof wanted)) {
      throw config.error(`its model is a ${model.constructor.name}, wanted a ${wanted.name}`);
    }
    await source.fill();
    return model as Model;
  } catch (error) {
    source.releaseAll();
    model?.[Symbol.dispose]();
    throw error;
  }
}

/**
 * Options of {@linkcode savePretrained}.
 *
 * @category Checkpoints
 */
export interface SaveOptions {
  /** This rank of the job, if several hold the model: rank 0 writes. Default: 0. */
  readonly rank?: number;
}

/**
 * Saves a model into a folder in the format of Hugging Face: config.json, as it was loaded, and model.safetensors. A missing folder is
 * created; existing files of these names are replaced once the new ones are complete. If the model is split over ranks, all of them
 * must call this function: rank 0 writes the whole model, one parameter at a time, and the others' promises resolve when they have
 * sent their parts.
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
 * @throws {TypeError} if the folder holds a checkpoint of several files.
 * @category Checkpoints
 */
export async function savePretrained(
  model: PretrainedModel<never>,
  folder: string,
  { rank = 0 }: SaveOptions = {},
): Promise<void> {
  const { config, names } = model.form;
  const parameters = model.namedParameters();
  const tensors = [...parameters].map(([path, parameter]) => ({
    name: nameOf(path, names),
    dtype: IN_FILES[parameter.dtype],
    shape: parameter.layout.wholeShape,
    bytes: () => wholeBytes(parameter),
  }));
  if (rank !== 0) {
    for (const { bytes } of inWritingOrder(tensors)) await bytes();
    return;
  }
  await disk.makeFolder(folder);
  if (await disk.has(`${folder}/${INDEX}`)) {
    throw new TypeError(
      `Cannot save into ${folder}, which holds several files and an index: take another folder`,
    );
  }
  await writeSafetensors(`${folder}/${WEIGHTS}`, tensors, { metadata: { format: "pt" } });
  const dtypes = new Set([...parameters.values()].map(({ dtype }) => dtype));
  const [dtype] = dtypes;
  const { text } = dtypes.size === 1 ? config.withDtype(IN_CONFIG[dtype]) : config;
  await disk.write(`${folder}/${CONFIG}`, [new TextEncoder().encode(text)]);
}

async function holdsUntied(
  files: CheckpointFolder,
  { mayBeTied: [one, other] = ["", ""] }: Architecture,
): Promise<boolean> {
  return files.holds(one) && files.holds(other) && !await files.equal(one, other);
}

const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";
const INDEX = "model.safetensors.index.json";

const IN_FILES: Readonly<Record<FloatType, SafetensorsDtype>> = {
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
};
const IN_CONFIG = { f32: "float32", f16: "float16", bf16: "bfloat16" } as const;
