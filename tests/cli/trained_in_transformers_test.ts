// Models that were trained here, with what is saved beside them, are used in transformers: its pipelines give the same labels, and its
// chat template and generate() the same answers.
//
// MESHFACTOR_PYTHON names a Python that has torch and transformers, by default python3; without one, the test is skipped with a message.

import assert from "node:assert/strict";
import { PNG } from "pngjs";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { BertMaskedLm } from "../../src/models/bert.ts";
import { BertClassifier } from "../../src/models/bert_classifier.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { largestOf } from "../../src/train/tasks/metrics/class_metrics.ts";
import { textLogits } from "../../src/train/tasks/class_logits.ts";
import { probabilitiesOf } from "../../src/train/tasks/probabilities.ts";
import { readTextTokenizer } from "../../src/train/tasks/text_tokenizer.ts";
import { hasModules, PYTHON } from "../support/real/python.ts";
import { withFolder } from "../support/temporary_folder.ts";
import { wordPieceId } from "../support/train/small_wordpiece.ts";
import { trainTask, writeJsonLines, writeTaskModel } from "../support/train/task_folder.ts";

const name = "what is trained here works in transformers, with its pipelines and chat template";
const hasTransformers = await hasModules("torch", "transformers");

const WORDS = ["film", "paris", "in", "the", "rain", "sun", "lives", "anna"];
const word = (k: number) => WORDS[(5 * k + (k >> 3)) % WORDS.length];
const records = <T extends object>(record: (k: number) => T) =>
  Array.from({ length: 40 }, (_, k) => record(k));

Deno.test({
  name: hasTransformers ? name : `${name} [skipped: no transformers in ${PYTHON}]`,
  ignore: !hasTransformers,
  async fn() {
    await withFolder(async (folder) => {
      const bert = await writeTaskModel(folder, "bert");
      const [t5, gpt2] = [await writeTaskModel(folder, "t5"), await writeTaskModel(folder, "gpt2")];
      const vit = await writeTaskModel(folder, "vit");
      let probabilities: Record<string, number> = {};
      let filled = "";
      const learn = async (what: string, source: string, data: string) => {
        const flags = ["--model", source, "--data", data, "--eval-data", data, "--steps", "50"];
        await trainTask(flags, async (model) => {
          await savePretrained(model, `${folder}/${what}`, { source });
          if (model instanceof BertMaskedLm) {
            const ids = ["[CLS]", "anna", "lives", "in", "[MASK]", ".", "[SEP]"].map(wordPieceId);
            const [{ device }] = model.parameters();
            using tokens = Tensor.from(device, ids, { shape: [1, ids.length], dtype: "u32" });
            using logits = await model.forward({ tokens, logitsAt: Uint32Array.of(4) });
            const values = await logits.data();
            const best = largestOf(values, 0, values.length);
            filled = (await readTextTokenizer(`${source}/tokenizer.json`)).decode([best]);
          }
          if (!(model instanceof BertClassifier)) return;
          const tokenizer = await readTextTokenizer(`${source}/tokenizer.json`);
          const reading = { tokenizer, context: 16 };
          const { rows: [logits] } = await textLogits(
            model,
            [{ text: "paris good film" }],
            reading,
          );
          const values = probabilitiesOf(logits, "single_label_classification");
          probabilities = { negative: values[0], positive: values[1] };
        });
      };
      const lines = (records: readonly object[]) => writeJsonLines(`${folder}/data.jsonl`, records);
      await learn(
        "texts",
        bert,
        await lines(records((k) => ({
          text: `${word(k)} ${k % 2 === 0 ? "good" : "bad"} ${word(k + 1)}`,
          label: k % 2 === 0 ? "positive" : "negative",
        }))),
      );
      const tag = (text: string) => ({ anna: "B-PER", paris: "B-LOC" })[text] ?? "O";
      await learn(
        "words",
        bert,
        await lines(records((k) => {
          const tokens = [word(k), word(k + 1), word(k + 3)];
          return { tokens, ner_tags: tokens.map(tag) };
        })),
      );
      await Deno.writeTextFile(`${folder}/text.txt`, "anna lives in paris . ".repeat(60));
      await learn("masked", bert, `${folder}/text.txt`);
      const answers = records((k) => ({ input: word(k), target: `the ${word(k)}` }));
      await learn("t5", t5, await lines(answers));
      await learn(
        "chat",
        gpt2,
        await lines(records((k) => ({
          messages: [
            { role: "user", content: `${word(k)}?` },
            { role: "assistant", content: `the ${word(k)}!` },
          ],
        }))),
      );
      for (const [label, value] of [["dark", 0], ["light", 255]] as const) {
        await Deno.mkdir(`${folder}/pictures/${label}`, { recursive: true });
        const image = new PNG({ width: 8, height: 8 });
        image.data.fill(value);
        await Deno.writeFile(`${folder}/pictures/${label}/1.png`, PNG.sync.write(image));
      }
      await learn("images", vit, `${folder}/pictures`);

      const program = new URL("programs/load_trained.py", import.meta.url).pathname;
      const { success, stdout, stderr } = await new Deno.Command(PYTHON, {
        args: [program, folder, "paris"],
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const output = new TextDecoder().decode(stdout).trim();
      const { texts, ...others } = JSON.parse(output.split("\n").at(-1)!);
      for (const [label, probability] of Object.entries(probabilities)) {
        assert.ok(Math.abs(texts[label] - probability) < 1e-4, `${label}: ${texts[label]}`);
      }
      assert.ok(texts.positive > 0.9);
      assert.deepEqual(others, {
        words: [["anna", "B-PER"], ["paris", "B-LOC"]],
        masked: ["BertForMaskedLM", filled],
        images: { 0: "dark", 1: "light" },
        t5: "the paris",
        prompt: "<|im_start|>user\nparis?<|im_end|>\n<|im_start|>assistant\n",
        chat: "the paris!",
      });
    });
  },
});
