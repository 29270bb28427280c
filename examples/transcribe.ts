// Whisper: the text of a recording; with a text to learn, after a few steps of fine-tuning on it.
//
//   deno run -P=train examples/transcribe.ts --model <folder or id> --audio speech.wav --language en
//   deno run -P=train examples/transcribe.ts --model <folder or id> --audio speech.wav --language en --learn "What is said." --save tuned
//
// Recordings are WAV files of as many samples a second as the model was trained with, 16000.

import { Tokenizer } from "@huggingface/tokenizers";
import { parseArgs } from "node:util";
import { loadSpeechFeatures, loadTranscriptionSettings } from "../src/checkpoint/mod.ts";
import { readWav, Whisper } from "../src/models/mod.ts";
import { Adafactor, crossEntropy, generateTokens, loadPretrained, modelFolder } from "../mod.ts";
import { requestDevice, savePretrained, Tensor } from "../mod.ts";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string" },
    audio: { type: "string" },
    language: { type: "string" },
    task: { type: "string" },
    learn: { type: "string" },
    steps: { type: "string", default: "5" },
    lr: { type: "string", default: "0.0001" },
    save: { type: "string" },
  },
});
const { model: name, audio, language, task, learn } = flags;
if (!name || !audio) throw new TypeError("Give --model and --audio recording.wav");
if (task !== undefined && task !== "transcribe" && task !== "translate") {
  throw new TypeError(`--task is transcribe or translate, got ${task}`);
}

using device = await requestDevice();
const folder = await modelFolder(name);
using model = await loadPretrained(device, folder, { model: Whisper });
const { prompt, ...settings } = await loadTranscriptionSettings(folder, {
  ...(language === undefined ? {} : { language }),
  ...(task === undefined ? {} : { task }),
});
const json = async (file: string) => JSON.parse(await Deno.readTextFile(`${folder}/${file}`));
const tokenizer = new Tokenizer(await json("tokenizer.json"), await json("tokenizer_config.json"));
const recording = readWav(await Deno.readFile(audio));
using features = (await loadSpeechFeatures(folder)).of(device, [recording]);

if (learn !== undefined) {
  const { ids } = tokenizer.encode(learn, { add_special_tokens: false });
  // The decoder's own start token comes before the labels.
  const tokens = [...prompt.slice(1), ...ids, settings.stopTokens[0]];
  using labels = Tensor.from(device, tokens, { shape: [1, tokens.length], dtype: "u32" });
  using optim = new Adafactor(model.parameters(), { lr: Number(flags.lr) });
  for (let step = 1; step <= Number(flags.steps); step++) {
    const logits = await model.forward({ features, targets: model.targetsFor(labels) });
    using loss = crossEntropy(logits, labels);
    console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
    await optim.backward(loss);
    await optim.step();
    optim.zeroGrad();
  }
  if (flags.save !== undefined) await savePretrained(model, flags.save, { source: folder });
}

const written: number[] = [];
for await (const { token } of generateTokens(model, [prompt], { device, features, ...settings })) {
  if (!settings.stopTokens.includes(token)) written.push(token);
}
console.log(written.length === 0 ? "" : tokenizer.decode(written, { skip_special_tokens: true }));
