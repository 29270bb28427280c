// Images and texts of BLIP-2, compared with BlipImageProcessor and Blip2Processor (tests/goldens/images/blip2.json).

import { Tokenizer } from "@huggingface/tokenizers";
import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { Blip2 } from "../../../src/models/blip2.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { readBlip2Image } from "../../../src/train/data/blip2_image.ts";
import { assertClose } from "../../support/assert_close.ts";
import { goldenFolder } from "../../support/goldens.ts";
import { smallEncoderConfigs } from "../../support/models/small_configs.ts";

const FOLDER = `${goldenFolder}/images`;
const { images, tokenizer, text, queries, tokens } = JSON.parse(
  Deno.readTextFileSync(`${FOLDER}/blip2.json`),
) as {
  readonly images: Readonly<Record<string, { readonly side: number; readonly pixels: string }>>;
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly queries: number;
  readonly tokens: readonly number[];
};

for (const [name, { side, pixels }] of Object.entries(images)) {
  Deno.test(`readBlip2Image() prepares ${name} as transformers does`, async () => {
    const imageSize = [side, side] as const;
    const read = await readBlip2Image(`${FOLDER}/${name}`, { folder: "nowhere", imageSize });
    const expected = new Float32Array(Uint8Array.fromBase64(pixels).buffer);
    assert.equal(read.length, 3 * side * side);
    // Pillow 13 resizes in another order, which moves some values by one of 255 levels.
    assertClose(read, expected, { absolute: 1.01 / 255 / 0.261 });
    const moved = read.filter((value, at) => Math.abs(value - expected[at]) > 1e-5);
    assert.ok(moved.length < read.length / 20, `${moved.length} of ${read.length} values differ`);
  });
}

Deno.test("withImageTokens() of a tokenized text is what Blip2Processor makes", () => {
  using device = wasmDevice();
  const config = { ...smallEncoderConfigs.blip2, num_query_tokens: queries };
  using model = newModel(device, config, { random: new RandomSource(1), model: Blip2 });
  const { ids } = new Tokenizer(tokenizer, {}).encode(text);
  assert.deepEqual(model.withImageTokens([...ids]), tokens);
});

Deno.test("readBlip2Image() takes preprocessor_config.json, and refuses what does not fit the model", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const read = async (settings: object) => {
      await Deno.writeTextFile(`${folder}/preprocessor_config.json`, JSON.stringify(settings));
      return await readBlip2Image(`${FOLDER}/rgb.png`, { folder, imageSize: [16, 16] });
    };
    const usual = await read({ size: { height: 16, width: 16 } });
    const darker = await read({ size: { height: 16, width: 16 }, image_mean: [0.9, 0.9, 0.9] });
    assert.ok(darker[0] < usual[0]);
    await assert.rejects(
      read({ size: { height: 24, width: 16 } }),
      /preprocessor_config\.json makes images of \[24, 16\], and the model wants \[16, 16\]: size/,
    );
    await assert.rejects(read({ do_resize: false }), /makes images of any size/);
    await assert.rejects(read({ image_std: [1] }), /wanted 3 numbers/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
