// examples/lora.ts: a sentence is learnt by additions alone, which load into the same model; with a model's folder, by its tokenizer.

import assert from "node:assert/strict";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { inspectFile } from "../../src/checkpoint/safetensors.ts";
import { runExample } from "../support/run_example.ts";
import { withFolder } from "../support/temporary_folder.ts";
import { smallGpt2 } from "../support/train/small_gpt2.ts";
import { smallTokenizerJson } from "../support/train/small_tokenizer.ts";

const SENTENCE = "The cat sat on the mat, and the dog ran after it.";

Deno.test("examples/lora.ts learns a sentence, of bytes and by a model's tokenizer", async () => {
  await withFolder(async (folder) => {
    const lines = await runExample("lora.ts", ["--save", `${folder}/adapter`]);
    assert.equal(lines[0], "16384 numbers learn, in 8 layers");
    assert.equal(lines.at(-1), SENTENCE);
    const { tensors } = await inspectFile(`${folder}/adapter/adapter_model.safetensors`);
    assert.equal(tensors.size, 16);

    const own = `${folder}/model`;
    using model = smallGpt2({ vocabulary: 300, heads: 8 });
    await savePretrained(model, own);
    await Deno.writeTextFile(`${own}/tokenizer.json`, smallTokenizerJson());
    await Deno.writeTextFile(`${own}/tokenizer_config.json`, "{}");
    const args = ["--model", own, "--lr", "0.01", "--sentence", "the thin man"];
    const written = await runExample("lora.ts", args);
    assert.equal(written.slice(7).join("\n"), "the thin man", written.join("\n"));
  });
});
