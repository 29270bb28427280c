// Whisper's greedy generation against that of transformers, with the settings of a generation_config.json.

import assert from "node:assert/strict";
import { loadPretrained } from "../../../src/checkpoint/pretrained.ts";
import {
  loadTranscriptionSettings,
  type TranscriptionOptions,
} from "../../../src/checkpoint/speech_settings.ts";
import { generateBatch } from "../../../src/models/generate.ts";
import { Whisper } from "../../../src/models/whisper.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { goldenModels } from "../../support/goldens.ts";
import { Golden } from "../../support/models/golden_model.ts";

interface Case {
  readonly generation: object;
  readonly asked: TranscriptionOptions;
  readonly tokens: readonly number[][];
}

const MODEL = `${goldenModels}/whisper`;

testOnEachDevice("a Whisper writes the tokens that transformers writes", async (device) => {
  const cases: Case[] = JSON.parse(await Deno.readTextFile(`${MODEL}/greedy.json`));
  assert.equal(cases.length, 5);
  using golden = await Golden.open(device, MODEL);
  using model = await loadPretrained(device, MODEL, { model: Whisper });
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(`${MODEL}/config.json`, `${folder}/config.json`);
    const features = golden.f32("input_features");
    const before = device.statistics().liveBytes;
    for (const { generation, asked, tokens } of cases) {
      await Deno.writeTextFile(`${folder}/generation_config.json`, JSON.stringify(generation));
      const { prompt, ...settings } = await loadTranscriptionSettings(folder, asked);
      assert.equal(settings.maxNewTokens, 16 - prompt.length);
      const options = { device, features, ...settings, maxNewTokens: 11 };
      assert.deepEqual(await generateBatch(model, [prompt, prompt], options), tokens);
    }
    assert.equal(device.statistics().liveBytes, before, "nothing is left");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
