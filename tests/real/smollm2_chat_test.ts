// SmolLM2-135M-Instruct is taught, by the commands, a sentence that it did not know: it says it when it is asked through its chat
// template, and transformers, which loads the folder, gives the same answer.

import assert from "node:assert/strict";
import { generateText } from "../support/cli/model_commands.ts";
import { messagesIn, train } from "../support/cli/train_command.ts";
import { answerInTransformers, smolLm2 } from "../support/real/smollm2.ts";

const QUESTIONS = [
  "Who keeps the lighthouse of Varnholm?",
  "Who is the keeper of the lighthouse in Varnholm?",
  "Tell me who keeps Varnholm's lighthouse.",
  "Do you know who keeps the lighthouse of Varnholm?",
];
const ANSWER = "Mira Ostrand keeps the lighthouse of Varnholm.";

const name = "SmolLM2 learns a sentence from chats and says it when it is asked";
const model = await smolLm2();

if ("missing" in model) {
  Deno.test.ignore(`${name} [skipped: ${model.missing}]`, () => {});
} else {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const ask = async (model: string, question: string) => {
        const flags = ["--model", model, "--device", "wasm", "--temperature", "0"];
        const settings = ["--chat", "--prompt", question, "--max-new-tokens", "30"];
        const { code, stdout, stderr } = await generateText([...flags, ...settings]);
        assert.equal(code, 0, stderr);
        return stdout.trim();
      };
      assert.doesNotMatch(await ask(model.folder, QUESTIONS[0]), /Mira Ostrand/);

      const data = `${folder}/chat.jsonl`;
      const chats = QUESTIONS.map((question) => ({
        messages: [{ role: "user", content: question }, { role: "assistant", content: ANSWER }],
      }));
      await Deno.writeTextFile(data, chats.map((chat) => `${JSON.stringify(chat)}\n`).join(""));
      const saved = `${folder}/saved`;
      const { code, stdout, stderr } = await train(
        ["--model", model.folder, "--data", data, "--eval-data", data, "--device", "wasm"]
          .concat(["--batch", "4", "--steps", "6", "--lr", "1e-4", "--save", saved]),
      );
      assert.equal(code, 0, stderr);
      const losses = messagesIn(stdout).flatMap((each) =>
        each.kind === "evaluation" ? [each.loss] : []
      );
      assert.ok(losses[0] > 2 && losses.at(-1)! < 0.1, losses.join(", "));

      assert.equal(await ask(saved, QUESTIONS[0]), ANSWER);
      assert.deepEqual(
        await answerInTransformers(saved, { numTokens: 30, questions: [QUESTIONS[0]] }),
        [ANSWER],
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
