// SmolLM2-135M-Instruct generates the tokens of transformers: from the whole text, in a batch, from files of bf16, and by the command.

import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { generateBatch } from "../../src/models/generate.ts";
import { readChatTemplate } from "../../src/train/chat_template.ts";
import { generateText } from "../support/cli/model_commands.ts";
import { continueInTransformers, smolLm2 } from "../support/real/smollm2.ts";

const PROMPTS = [
  "What is the capital of France?",
  "Once upon a time",
  "def fibonacci(n):",
  "Paris",
];
const NUM_TOKENS = 64;

const name = `SmolLM2 continues texts greedily as transformers does, for ${NUM_TOKENS} tokens`;
const model = await smolLm2();

if ("missing" in model) {
  Deno.test.ignore(`${name} [skipped: ${model.missing}]`, () => {});
} else {
  Deno.test(name, async (t) => {
    const { folder } = model;
    const given = { numTokens: NUM_TOKENS, prompts: PROMPTS };
    const { texts, chat } = await continueInTransformers(folder, given);
    const tokens = texts.map((text) => text.tokens);
    const whole = texts.map((text) => text.whole);
    for (const dtype of ["f32", "bf16"] as const) {
      await t.step(`texts of unlike lengths together, weights of ${dtype}`, async () => {
        using device = wasmDevice();
        using decoder = await loadPretrained(device, folder, { model: Decoder, dtype });
        const options = { device, maxNewTokens: NUM_TOKENS };
        assert.deepEqual(await generateBatch(decoder, tokens, options), whole);
      });
    }
    await t.step("its chat template gives the same text", async () => {
      const template = await readChatTemplate(folder);
      assert.equal(template.render([{ role: "user", content: PROMPTS[0] }]), chat);
    });
    await t.step("the command answers a question", async () => {
      const flags = ["--model", folder, "--device", "wasm", "--max-new-tokens", "40"];
      const { code, stdout, stderr } = await generateText([
        ...flags,
        ...["--chat", "--prompt", PROMPTS[0]],
      ]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /Paris/);
    });
  });
}
