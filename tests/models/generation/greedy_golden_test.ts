// Greedy generation of T5, BLIP-2 and DeepSeek-V3 against that of transformers.

import assert from "node:assert/strict";
import { loadPretrained } from "../../../src/checkpoint/pretrained.ts";
import { Blip2 } from "../../../src/models/blip2.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import { generateBatch } from "../../../src/models/generate.ts";
import { T5 } from "../../../src/models/t5.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { goldenModels } from "../../support/goldens.ts";
import { Golden } from "../../support/models/golden_model.ts";

testOnEachDevice(
  "a T5 writes the tokens that transformers writes, for texts of unlike lengths",
  async (device) => {
    const folder = `${goldenModels}/t5`;
    const expected = JSON.parse(await Deno.readTextFile(`${folder}/greedy.json`));
    assert.equal(expected[0].length, 13);
    using golden = await Golden.open(device, folder);
    using model = await loadPretrained(device, folder, { model: T5 });
    const tokens = golden.u32("input_ids").indices!;
    const mask = golden.u32("attention_mask").indices!;
    const texts = [0, 1].map((row) =>
      [...tokens.subarray(12 * row, 12 * row + 12)].filter((_, at) => mask[12 * row + at] === 1)
    );
    assert.deepEqual(texts.map(({ length }) => length), [12, 9]);
    const options = { device, maxNewTokens: 12, stopTokens: [1] };
    assert.deepEqual(await generateBatch(model, texts, options), expected);
  },
);

for (const family of ["blip2", "blip2_t5"]) {
  testOnEachDevice(
    `${family} writes the tokens that transformers writes about images, for texts of unlike lengths`,
    async (device) => {
      const folder = `${goldenModels}/${family}`;
      const expected = JSON.parse(await Deno.readTextFile(`${folder}/greedy.json`));
      using golden = await Golden.open(device, folder);
      using model = await loadPretrained(device, folder, { model: Blip2 });
      const [tokens, mask] = [golden.u32("input_ids"), golden.u32("attention_mask")];
      const [, length] = tokens.shape;
      const texts = [0, 1].map((row) => {
        const all = [...tokens.indices!.subarray(row * length, (row + 1) * length)];
        return all.filter((_, at) => mask.indices![row * length + at] === 1);
      });
      assert.notEqual(texts[0].length, texts[1].length);
      const pixels = golden.f32("pixel_values");
      const options = {
        device,
        pixels,
        maxNewTokens: 12,
        stopTokens: [family === "blip2" ? 2 : 1],
      };
      const before = device.statistics().liveBytes;
      assert.deepEqual(await generateBatch(model, texts, options), expected);
      assert.equal(device.statistics().liveBytes, before);
    },
  );
}

testOnEachDevice(
  "a DeepSeek-V3, whose cache has compressed keys and values, writes the tokens that transformers writes",
  async (device) => {
    const folder = `${goldenModels}/deepseek_v3`;
    const expected: number[][] = JSON.parse(await Deno.readTextFile(`${folder}/greedy.json`));
    assert.deepEqual(expected.map(({ length }) => length), [24, 21]);
    using model = await loadPretrained(device, folder, { model: Decoder });
    const texts = [expected[0].slice(0, 12), expected[1].slice(0, 9)];
    const options = { device, maxNewTokens: 12, stopTokens: [1] };
    assert.deepEqual(await generateBatch(model, texts, options), expected);
  },
);
