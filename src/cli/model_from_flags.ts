// The model that --model names: loaded, with a new head where its files have none, or new.

import { loadPretrained, type LoadReport } from "../checkpoint/pretrained.ts";
import type { Device } from "../device/device.ts";
import { ModelConfig } from "../models/config/model_config.ts";
import { Decoder } from "../models/decoder.ts";
import { newModel } from "../models/new_model.ts";
import { RandomSource } from "../nn/philox.ts";
import type { TrainOptions } from "./train_options.ts";

/** Loads or makes the model; rank 0 writes to stderr which tensors are new and which are not used. */
export async function modelFromFlags(
  device: Device,
  { flags, rank }: { readonly flags: TrainOptions; readonly rank: number },
): Promise<Decoder> {
  const { model: folder, dtype, seed } = flags;
  const random = new RandomSource(seed);
  if (!flags.fromScratch) {
    const onLoaded = rank === 0 ? printReport : undefined;
    return await loadPretrained(device, folder, { model: Decoder, dtype, random, onLoaded });
  }
  const where = `${folder}/config.json`;
  const { values: config } = new ModelConfig(await Deno.readTextFile(where), { where });
  const storage = { dtype: dtype ?? "f32", gradientDtype: "f32" } as const;
  return newModel(device, config, { model: Decoder, random, ...storage });
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
