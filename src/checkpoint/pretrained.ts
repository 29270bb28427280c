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
import { CheckpointFolder } from "./checkpoint_folder.ts";
import { CheckpointParameters, type StorageOptions } from "./checkpoint_parameters.ts";
import { disk } from "./disk.ts";

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

async function holdsUntied(
  files: CheckpointFolder,
  { mayBeTied: [one, other] = ["", ""] }: Architecture,
): Promise<boolean> {
  return files.holds(one) && files.holds(other) && !await files.equal(one, other);
}

const CONFIG = "config.json";
