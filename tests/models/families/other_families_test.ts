// A folder of an unsupported family is refused by name, and no model is made.

import assert from "node:assert/strict";
import { loadPretrained } from "../../../src/checkpoint/pretrained.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";

Deno.test("loadPretrained() refuses a folder of another family by name", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const config = { architectures: ["MambaForCausalLM"], model_type: "mamba", vocab_size: 11 };
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    using device = wasmDevice();
    await assert.rejects(loadPretrained(device, folder), (error) => {
      assert.ok(error instanceof TypeError);
      const refused = `${folder}/config.json: model_type mamba is not supported: gpt2, `;
      assert.ok(error.message.includes(refused), error.message);
      return true;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
