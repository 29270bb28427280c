// The goldens of unsupported families: their folders are refused by name, and no model is made.

import assert from "node:assert/strict";
import { loadPretrained } from "../../../src/checkpoint/pretrained.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { goldenModels } from "../../support/goldens.ts";

/** From folders to the `model_type` of their config.json. */
const OTHERS = {
  blip2: "blip-2",
};

for (const [family, modelType] of Object.entries(OTHERS)) {
  const folder = `${goldenModels}/${family}`;
  const what = `loadPretrained() refuses a folder of ${modelType} by name`;
  Deno.test(what, async () => {
    using device = wasmDevice();
    await assert.rejects(loadPretrained(device, folder), (error) => {
      assert.ok(error instanceof TypeError);
      const refused = `${family}/config.json: model_type ${modelType} is not supported: gpt2, `;
      assert.ok(error.message.includes(refused), error.message);
      return true;
    });
  });
}
