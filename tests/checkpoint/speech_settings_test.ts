import assert from "node:assert/strict";
import {
  loadSpeechFeatures,
  loadTranscriptionSettings,
  type TranscriptionOptions,
  type TranscriptionSettings,
} from "../../src/checkpoint/speech_settings.ts";
import { withFolder } from "../support/temporary_folder.ts";

const CONFIG = {
  decoder_start_token_id: 9,
  eos_token_id: 2,
  max_target_positions: 40,
  forced_decoder_ids: [[1, null], [2, 3]],
};
const MANY = {
  decoder_start_token_id: 1,
  eos_token_id: [2, 8],
  lang_to_id: { "<|en|>": 5, "<|de|>": 6 },
  task_to_id: { transcribe: 10, translate: 11 },
  no_timestamps_token_id: 12,
  suppress_tokens: [7, 30],
  begin_suppress_tokens: [20, 2],
  max_length: 448,
};

async function settings(generation: object | undefined, options?: TranscriptionOptions) {
  let found: TranscriptionSettings | undefined;
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(CONFIG));
    if (generation !== undefined) {
      const path = `${folder}/generation_config.json`;
      await Deno.writeTextFile(path, JSON.stringify(generation));
    }
    found = await loadTranscriptionSettings(folder, options);
  });
  return found!;
}

Deno.test("a model of many languages is prompted with language and task, without timestamps", async () => {
  const lists = { suppressTokens: [7, 30], beginSuppressTokens: [20, 2] };
  const rest = { ...lists, stopTokens: [2, 8], maxNewTokens: 36 };
  assert.deepEqual(await settings(MANY, { language: "de", task: "translate" }), {
    ...rest,
    prompt: [1, 6, 11, 12],
  });
  assert.deepEqual(await settings(MANY, { language: "en" }), { ...rest, prompt: [1, 5, 10, 12] });
  const less = await settings({ ...MANY, max_length: 10 }, { language: "en" });
  assert.equal(less.maxNewTokens, 10);
  const few = await settings({ ...MANY, max_new_tokens: 3 }, { language: "en" });
  assert.equal(few.maxNewTokens, 3);
});

Deno.test("a model of one language is prompted with what its files force", async () => {
  const none = { suppressTokens: [], beginSuppressTokens: [], stopTokens: [2] };
  assert.deepEqual(await settings(undefined), { ...none, prompt: [9, 3], maxNewTokens: 38 });
  const own = { forced_decoder_ids: [[1, 12]], no_timestamps_token_id: 12, eos_token_id: null };
  assert.deepEqual(await settings(own), { ...none, prompt: [9, 12], maxNewTokens: 38 });
});

for (
  const [generation, options, message] of [
    [MANY, {}, /wanted the language of the recording, one of en, de, got undefined/],
    [MANY, { language: "fr" }, /one of en, de, got fr/],
    [{}, { language: "en" }, /the model has one language and task: leave both out/],
    [
      { ...MANY, task_to_id: { transcribe: 10 } },
      { language: "en", task: "translate" },
      /a task of/,
    ],
    [{ ...MANY, suppress_tokens: [-1] }, { language: "en" }, /suppress_tokens\.0 is not supported/],
  ] as const
) {
  Deno.test(`transcription by ${JSON.stringify(options)} of ${Object.keys(generation).length} settings is refused: ${message.source}`, async () => {
    await assert.rejects(settings(generation, options), (error) => {
      assert(error instanceof TypeError, String(error));
      assert.match(error.message, /generation_config\.json: /);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("features are those of preprocessor_config.json, or of the newer processor_config.json, which goes first", () =>
  withFolder(async (folder) => {
    const write = (name: string, content: object) =>
      Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(content));
    await assert.rejects(loadSpeechFeatures(folder), /neither .*preprocessor_config\.json nor/);
    await write("processor_config.json", { processor_class: "WhisperProcessor" });
    await write("preprocessor_config.json", {
      feature_size: 128,
      chunk_length: 2,
      mel_filters: [1],
    });
    const older = await loadSpeechFeatures(folder);
    assert.deepEqual([older.numBins, older.numFrames], [128, 200]);
    await write("processor_config.json", {
      feature_extractor: { feature_size: 5, chunk_length: 1 },
    });
    const newer = await loadSpeechFeatures(folder);
    assert.deepEqual([newer.numBins, newer.numFrames], [5, 100]);
    await write("processor_config.json", { feature_extractor: { dither: 1 } });
    await assert.rejects(
      loadSpeechFeatures(folder),
      /processor_config\.json: The setting dither is not supported/,
    );
  }));
