/**
 * Training checkpoints, to go on from after a crash, and folders of models in the format of Hugging Face.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Adafactor, Linear, RandomSource, requestDevice } from "@meshfactor/adafactor";
 * import { loadCheckpoint, saveCheckpoint } from "@meshfactor/adafactor/checkpoint";
 *
 * using device = await requestDevice();
 * using model = new Linear(device, { inFeatures: 3, outFeatures: 2, random: new RandomSource(1) });
 * using optim = new Adafactor(model.parameters(), { lr: 0.1 });
 * const folder = await Deno.makeTempDir();
 * assert.equal(await loadCheckpoint(folder, { model, optim }), undefined);
 * await saveCheckpoint(folder, { model, optim, step: 10, extra: { epoch: 2 } });
 * const saved = await loadCheckpoint(folder, { model, optim });
 * assert.deepEqual([saved?.step, saved?.extra], [10, { epoch: 2 }]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @module
 */

export { type LoadOptions, loadPretrained } from "./pretrained.ts";
export { type SaveOptions, savePretrained } from "./save_pretrained.ts";
export { loadLora, saveLora, type SaveLoraOptions } from "./lora_adapter.ts";
export { loadModule, saveModule, type SaveModuleOptions } from "./module_file.ts";
export {
  loadSpeechFeatures,
  loadTranscriptionSettings,
  type TranscriptionOptions,
  type TranscriptionSettings,
} from "./speech_settings.ts";
export type { CompanionFile } from "./companions.ts";
export type { StorageOptions } from "./checkpoint_parameters.ts";
export {
  beginCheckpoint,
  type CheckpointContent,
  CheckpointWriteError,
  type PendingCheckpoint,
  saveCheckpoint,
} from "./training_checkpoint.ts";
export {
  loadCheckpoint,
  type LoadCheckpointOptions,
  type LoadedCheckpoint,
} from "./load_checkpoint.ts";
export type { OptimizerWithState, TrainingState } from "./training_state.ts";

// Types that the ones above name.
export type * from "../models/mod.ts";
export type {
  DrawnMask,
  Dropout,
  DropoutSettings,
  LinearLayer,
  Lora,
  LoraLinear,
  LoraOptions,
  PartOfRow,
} from "../nn/mod.ts";
