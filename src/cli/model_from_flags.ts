// The model that --model names: loaded, with a new head where its files have none, or new.

import { withClasses } from "../checkpoint/new_head.ts";
import { type LoadOptions, loadPretrained, type LoadReport } from "../checkpoint/pretrained.ts";
import type { Device } from "../device/device.ts";
import { ModelConfig } from "../models/config/model_config.ts";
import type { ProblemType } from "../models/losses/classification_loss.ts";
import { newModel, type NewModelOptions } from "../models/new_model.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { RandomSource } from "../nn/philox.ts";
import type { ClassNames } from "../train/tasks/class_names.ts";
import type { TrainOptions } from "./train_options.ts";

/** Loads or makes a model of a class; rank 0 writes to stderr which tensors are new and which are not used. */
export async function modelFromFlags<Model extends PretrainedModel<never>>(
  device: Device,
  { flags, rank, model, classes }: {
    readonly flags: TrainOptions;
    readonly rank: number;
    readonly model: abstract new (...args: never[]) => Model;
    /** Of a classifier. */
    readonly classes?: { readonly names: ClassNames; readonly problem?: ProblemType };
  },
): Promise<Model> {
  const { model: folder, dtype, seed } = flags;
  const random = new RandomSource(seed);
  const labels = classes && { labels: classes.names.names, problemType: classes.problem };
  if (!flags.fromScratch) {
    const onLoaded = rank === 0 ? printReport : undefined;
    const options = { model, dtype, random, onLoaded, ...labels };
    return await loadPretrained(device, folder, options as LoadOptions) as PretrainedModel as Model;
  }
  const where = `${folder}/config.json`;
  const read = new ModelConfig(await Deno.readTextFile(where), { where });
  const { values: config } = labels === undefined ? read : withClasses(read, labels);
  const storage = { dtype: dtype ?? "f32", gradientDtype: "f32" } as const;
  const options = { model, random, ...storage };
  return newModel(device, config, options as NewModelOptions) as PretrainedModel as Model;
}

function printReport({ folder, newTensors, unusedTensors }: LoadReport): void {
  if (newTensors.length > 0) {
    console.error(
      `${folder} has no ${newTensors.join(", ")}: new, with random values until they are trained`,
    );
  }
  if (unusedTensors.length > 0) {
    console.error(`${folder} has ${unusedTensors.join(", ")}: not used by the model`);
  }
}
