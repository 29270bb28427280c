// A process that saves two models in turns until it is killed: save_pretrained_test.ts kills it at any moment.
//
//   saver.ts one <folder>     always into one folder
//   saver.ts many <folder>    into a new folder each time

import { savePretrained } from "../../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { smallConfigs } from "../models/small_configs.ts";

/** The two models, which have one config. */
export function savedModels(): Decoder[] {
  const device = wasmDevice();
  return [1, 2].map((seed) =>
    newModel(device, smallConfigs.gpt2, { random: new RandomSource(seed), model: Decoder })
  );
}

if (import.meta.main) {
  const [how, folder] = Deno.args;
  const models = savedModels();
  console.log("ready");
  for (let k = 0;; k++) {
    await savePretrained(models[k % 2], how === "one" ? folder : `${folder}/${k}`);
  }
}
