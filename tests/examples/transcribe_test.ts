// examples/transcribe.ts on a tiny model: fine-tuning on a recording, which it then writes.

import assert from "node:assert/strict";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { newModel } from "../../src/models/new_model.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import expected from "../goldens/speech/expected.json" with { type: "json" };
import { SMALL_VOCABULARY, smallTokenizerJson } from "../support/train/small_tokenizer.ts";
import { withFolder } from "../support/temporary_folder.ts";

const SPECIAL = [
  "<|endoftext|>",
  "<|startoftranscript|>",
  "<|en|>",
  "<|transcribe|>",
  "<|notimestamps|>",
];
const [end, start, english, transcribe, noTimestamps] = SPECIAL.map((_, k) => SMALL_VOCABULARY + k);
const CONFIG = {
  architectures: ["WhisperForConditionalGeneration"],
  model_type: "whisper",
  vocab_size: SMALL_VOCABULARY + SPECIAL.length,
  d_model: 16,
  num_mel_bins: 20,
  encoder_layers: 1,
  decoder_layers: 1,
  encoder_attention_heads: 2,
  decoder_attention_heads: 2,
  encoder_ffn_dim: 32,
  decoder_ffn_dim: 32,
  max_source_positions: 50,
  max_target_positions: 24,
  decoder_start_token_id: start,
  pad_token_id: end,
  eos_token_id: end,
};

Deno.test("examples/transcribe.ts writes a recording that it has learnt", async () => {
  await withFolder(async (folder) => {
    const model = `${folder}/tiny`;
    await makeModel(model);
    const audio = `${folder}/speech.wav`;
    const { file } = expected.recordings["PCM of 16 bits"];
    await Deno.writeFile(audio, Uint8Array.fromBase64(file));
    const given = ["--audio", audio, "--language", "en"];
    const learn = ["--learn", "in the end", "--steps", "60", "--lr", "0.05"];
    const lines = await run("--model", model, ...given, ...learn, "--save", `${folder}/tuned`);
    const losses = lines.slice(0, 60).map((each) => Number(each.replace(/^step \d+: loss /, "")));
    assert.ok(losses[59]! < 0.3 * losses[0]!, lines.join("\n"));
    assert.deepEqual(lines.slice(60), ["in the end"]);
    assert.deepEqual(await run("--model", `${folder}/tuned`, ...given), ["in the end"]);
    assert.notDeepEqual(await run("--model", model, ...given), ["in the end"]);
  });
});

/** A new model, and the files of a folder of Whisper. */
async function makeModel(folder: string): Promise<void> {
  using device = wasmDevice();
  using model = newModel(device, CONFIG, { random: new RandomSource(1) });
  await savePretrained(model, folder);
  const generation = {
    lang_to_id: { "<|en|>": english },
    task_to_id: { transcribe },
    no_timestamps_token_id: noTimestamps,
    begin_suppress_tokens: [end],
  };
  const files = {
    "tokenizer.json": smallTokenizerJson(SPECIAL),
    "tokenizer_config.json": "{}",
    "generation_config.json": JSON.stringify(generation),
    "preprocessor_config.json": JSON.stringify({ feature_size: 20, chunk_length: 1 }),
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
}

async function run(...args: string[]): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", "examples/transcribe.ts", ...args],
    cwd: new URL("../..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}
