// From files of records to a trained model, for every task.

import assert from "node:assert/strict";
import { PNG } from "pngjs";
import { BertMaskedLm } from "../../src/models/bert.ts";
import { BertClassifier } from "../../src/models/bert_classifier.ts";
import { BertTokenClassifier } from "../../src/models/bert_token_classifier.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { generate } from "../../src/models/generate.ts";
import { T5 } from "../../src/models/t5.ts";
import { VitClassifier } from "../../src/models/vit.ts";
import { readTextTokenizer } from "../../src/train/tasks/text_tokenizer.ts";
import { trainTask, writeJsonLines, writeTaskModel } from "../support/train/task_folder.ts";
import { withFolder } from "../support/temporary_folder.ts";

const WORDS = ["film", "paris", "in", "the", "rain", "sun", "lives", "anna"];
const word = (k: number) => WORDS[(5 * k + (k >> 3)) % WORDS.length];
/** Sentence k, which says by one word what it is. */
const sentence = (k: number) =>
  `${word(k)} ${k % 2 === 0 ? "good" : "bad"} ${word(k + 1)}${
    k % 3 === 0 ? ` ${word(k + 2)}` : ""
  }`;
const range = (count: number) => Array.from({ length: count }, (_, k) => k);

Deno.test("texts with labels become a classifier whose config has their names", async () => {
  await withFolder(async (folder) => {
    const model = await writeTaskModel(folder, "bert");
    const data = `${folder}/reviews.csv`;
    const lines = range(60).map((k) => `${sentence(k)},${k % 2 === 0 ? "positive" : "negative"}\n`);
    await Deno.writeTextFile(data, `text,label\n${lines.join("")}`);
    const flags = ["--model", model, "--data", data, "--steps", "30"];
    const trained = await trainTask(flags, async (made) => {
      await Promise.resolve();
      assert.ok(made instanceof BertClassifier);
      const { id2label, problem_type, architectures } = made.form.config.values;
      assert.deepEqual(id2label, { 0: "negative", 1: "positive" });
      assert.equal(problem_type, "single_label_classification");
      assert.deepEqual(architectures, ["BertForSequenceClassification"]);
    });
    assert.deepEqual(trained.metrics, { accuracy: 1, f1: 1 });
    assert.equal(
      trained.data,
      "classification on labelled texts, in padded rows of at most 16 tokens: 54 to train on, 6 held out; 2 classes: negative, positive",
    );
    assert.deepEqual(trained.counts, {
      trainExamples: 54,
      heldOutExamples: 6,
      cutExamples: 0,
      leftOutExamples: 0,
    });
    const ordered = await trainTask([...flags, "--labels", "positive,x,negative"], (made) => {
      assert.deepEqual(made.form.config.values.id2label, { 0: "positive", 1: "x", 2: "negative" });
      return Promise.resolve();
    });
    assert.equal(ordered.metrics.accuracy, 1);
    await assert.rejects(
      trainTask([...flags, "--labels", "good,positive"]),
      /reviews\.csv:\d+: the label "negative" is none of good, positive: give all of them/,
    );
    await assert.rejects(
      trainTask([...flags, "--task", "causal-lm"]),
      /config\.json: a bert does masked-lm, classification, token-classification, and --task is causal-lm/,
    );
    await assert.rejects(trainTask([...flags, "--context", "17"]), /more than the 16 tokens/);
  });
});

Deno.test("the columns and values of a file say whether it has pairs of texts, sets of labels, or numbers", async () => {
  await withFolder(async (folder) => {
    const model = await writeTaskModel(folder, "bert");
    const train = async (records: readonly object[], ...more: string[]) => {
      const data = await writeJsonLines(`${folder}/data.jsonl`, records);
      return await trainTask(["--model", model, "--data", data, "--steps", "8", ...more]);
    };
    const pairs = await train(
      range(20).map((k) => ({
        sentence1: sentence(k),
        sentence2: sentence(k * 2),
        label: k % 3,
      })),
    );
    assert.match(pairs.data, /3 classes: 0, 1, 2$/);
    assert.deepEqual(Object.keys(pairs.metrics), ["accuracy", "f1"]);
    const sets = await train(
      range(20).map((k) => ({
        text: sentence(k),
        label: k % 2 === 0 ? ["warm", "dry"] : k % 3 === 0 ? [] : ["dry"],
      })),
    );
    assert.deepEqual(Object.keys(sets.metrics), ["f1", "exactMatch"]);
    const numbers = await train(range(20).map((k) => ({ text: sentence(k), label: k / 7 })));
    assert.deepEqual(Object.keys(numbers.metrics), ["meanSquaredError", "pearson"]);
    const integers = range(20).map((k) => ({ text: sentence(k), label: k % 5 }));
    const asked = await train(integers, "--problem", "number");
    assert.deepEqual(Object.keys(asked.metrics), ["meanSquaredError", "pearson"]);
  });
});

Deno.test("words with tags become a classifier of tokens", async () => {
  await withFolder(async (folder) => {
    const model = await writeTaskModel(folder, "bert");
    const tag = (text: string) => ({ anna: "B-PER", paris: "B-LOC" })[text] ?? "O";
    const records = range(60).map((k) => {
      const tokens = [word(k), k % 2 === 0 ? "rainy" : "sun", word(k + 1), word(k + 3)];
      return { tokens, ner_tags: tokens.map(tag) };
    });
    const data = await writeJsonLines(`${folder}/data.jsonl`, records);
    const trained = await trainTask(
      ["--model", model, "--data", data, "--steps", "30"],
      (made) => {
        assert.ok(made instanceof BertTokenClassifier);
        const { id2label } = made.form.config.values;
        assert.deepEqual(id2label, { 0: "B-LOC", 1: "B-PER", 2: "O" });
        return Promise.resolve();
      },
    );
    assert.equal(trained.task, "token-classification");
    assert.equal(trained.metrics.accuracy, 1);
  });
});

Deno.test("a BERT learns masked words of text, which is divided into pieces", async () => {
  await withFolder(async (folder) => {
    const model = await writeTaskModel(folder, "bert");
    const data = `${folder}/text.txt`;
    await Deno.writeTextFile(data, "anna lives in paris . the film . ".repeat(60));
    const trained = await trainTask(
      ["--model", model, "--data", data, "--steps", "60"],
      (made) => {
        assert.ok(made instanceof BertMaskedLm);
        return Promise.resolve();
      },
    );
    assert.equal(trained.task, "masked-lm");
    // 480 tokens in pieces of 14.
    assert.match(
      trained.data,
      /masked-lm on pieces of text, in padded rows of at most 16 tokens: 32 to train on, 3 held out/,
    );
    const perplexities = trained.events.flatMap((event) =>
      event.kind === "evaluation" ? [event.metrics.perplexity] : []
    );
    assert.ok(perplexities[1] < perplexities[0] / 4, `${perplexities}`);
    assert.deepEqual(Object.keys(trained.metrics), ["perplexity", "accuracy"]);
  });
});

for (const kind of ["albert", "modernbert"] as const) {
  Deno.test(`${kind} learns masked words, labels of texts and tags of words`, async () => {
    await withFolder(async (folder) => {
      const model = await writeTaskModel(folder, kind);
      const text = `${folder}/text.txt`;
      await Deno.writeTextFile(text, "anna lives in paris . the film . ".repeat(60));
      const labels = range(40).map((k) => ({
        text: sentence(k),
        label: k % 2 === 0 ? "positive" : "negative",
      }));
      const labelled = await writeJsonLines(`${folder}/labels.jsonl`, labels);
      const tags = range(40).map((k) => ({
        tokens: [word(k), "paris", word(k + 3)],
        tags: [word(k), "paris", word(k + 3)].map((each) => each === "paris" ? "PLACE" : "O"),
      }));
      const tagged = await writeJsonLines(`${folder}/tags.jsonl`, tags);
      const tasks = [[text, BertMaskedLm], [labelled, BertClassifier], [
        tagged,
        BertTokenClassifier,
      ]] as const;
      for (const [data, made] of tasks) {
        const flags = ["--model", model, "--data", data, "--steps", "40"];
        const trained = await trainTask(flags, (model) => {
          assert.ok(model instanceof made);
          assert.equal(model.form.config.values.model_type, kind);
          return Promise.resolve();
        });
        const losses = trained.events.flatMap((event) =>
          event.kind === "evaluation" ? [event.loss] : []
        );
        assert.ok(losses.at(-1)! < 0.5 * losses[0], `${trained.task}: ${losses}`);
      }
    });
  });
}

Deno.test("a model that only an example trains is refused with its name", async () => {
  await withFolder(async (folder) => {
    for (
      const [type, example] of [["sam", "segment"], ["blip-2", "caption"], ["whisper", "tran"]]
    ) {
      await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ model_type: type }));
      await assert.rejects(
        trainTask(["--model", folder, "--data", folder]),
        new RegExp(`config\\.json: a ${type} has no task of this command: examples/${example}`),
      );
    }
  });
});

for (const kind of ["vit", "dinov2", "siglip"] as const) {
  Deno.test(`images in folders become a classifier of the folders' names: ${kind}`, async () => {
    await withFolder(async (folder) => {
      const model = await writeTaskModel(folder, kind);
      for (const [name, colour] of [["red", 0], ["blue", 2]] as const) {
        await Deno.mkdir(`${folder}/images/${name}`, { recursive: true });
        for (const k of range(15)) {
          const image = new PNG({ width: 10, height: 9 });
          image.data.set(
            image.data.map((_: number, at: number) =>
              at % 4 === colour || at % 4 === 3 ? 255 : 9 * k
            ),
          );
          await Deno.writeFile(`${folder}/images/${name}/${k}.png`, PNG.sync.write(image));
        }
      }
      const flags = ["--model", model, "--data", `${folder}/images`, "--steps", "30"];
      const trained = await trainTask(flags, (made) => {
        assert.ok(made instanceof VitClassifier);
        assert.deepEqual(made.form.config.values.id2label, { 0: "blue", 1: "red" });
        return Promise.resolve();
      });
      assert.deepEqual(trained.metrics, { accuracy: 1, f1: 1 });
      assert.match(
        trained.data,
        /^image-classification on images: 27 to train on, 3 held out; 2 cl/,
      );
      const broken = `${folder}/images/red/broken.png`;
      await Deno.writeFile(broken, Uint8Array.of(0x89, 0x50, 1, 2, 3));
      await assert.rejects(trainTask(flags), /Cannot read the image .*broken\.png/);
      await Deno.remove(broken);
      const settings = JSON.stringify({ size: { height: 4, width: 4 } });
      await Deno.writeTextFile(`${model}/preprocessor_config.json`, settings);
      await assert.rejects(
        trainTask(flags),
        /makes 16 pixels of it, and the model wants 3 x 8 x 8/,
      );
    });
  });
}

Deno.test("a T5 learns to answer inputs", async () => {
  await withFolder(async (folder) => {
    const model = await writeTaskModel(folder, "t5");
    const records = range(20).map((k) => ({ input: word(k), target: word(k).toUpperCase() }));
    const data = await writeJsonLines(`${folder}/data.jsonl`, records);
    const flags = ["--model", model, "--data", data, "--eval-data", data, "--steps", "60"];
    const trained = await trainTask(flags, async (made) => {
      assert.ok(made instanceof T5);
      const tokenizer = await readTextTokenizer(`${model}/tokenizer.json`);
      const { tokens: { end } } = tokenizer;
      const [{ device }] = made.parameters();
      const tokens = [...tokenizer.encode("paris"), end!];
      const written = await generate(made, tokens, { device, maxNewTokens: 9, stopTokens: [end!] });
      assert.equal(written.at(-1), end);
      assert.equal(tokenizer.decode(written.slice(1)), "PARIS");
    });
    assert.equal(trained.task, "seq2seq");
    assert.match(trained.data, /20 to train on, 20 held out/);
    assert.ok(trained.metrics.accuracy > 0.95, JSON.stringify(trained.metrics));
  });
});

Deno.test("a decoder learns the answers of chats and the completions of prompts, and nothing else", async () => {
  await withFolder(async (folder) => {
    const model = await writeTaskModel(folder, "gpt2");
    const chat = (k: number) => ({
      messages: [
        { role: "user", content: `${word(k)}?` },
        { role: "assistant", content: `the ${word(k)}!` },
      ],
    });
    const data = await writeJsonLines(`${folder}/chats.jsonl`, range(24).map(chat));
    const learn = async (data: string, prompt: string, ...more: string[]) => {
      let answer = "";
      const flags = ["--model", model, "--data", data, "--steps", "60", ...more];
      const trained = await trainTask(flags, async (made) => {
        assert.ok(made instanceof Decoder);
        const tokenizer = await readTextTokenizer(`${model}/tokenizer.json`);
        const { tokens: { end } } = tokenizer;
        const [{ device }] = made.parameters();
        const tokens = tokenizer.encode(prompt);
        const options = { device, maxNewTokens: 20, stopTokens: [end!] };
        const written = await generate(made, tokens, options);
        answer = tokenizer.decode(written.slice(tokens.length));
      });
      return { ...trained, answer };
    };
    const chats = await learn(
      data,
      "<|im_start|>user\nrain?<|im_end|>\n<|im_start|>assistant\n",
    );
    assert.equal(chats.answer, "the rain!");
    assert.match(
      chats.data,
      /^causal-lm on chats, in padded rows of at most 64 tokens: 21 to train on, 3 held out$/,
    );
    assert.ok(chats.metrics.perplexity < 1.5);

    const prompts = range(24).map((k) => ({ prompt: `${word(k)} =`, completion: ` ${word(k)}s` }));
    const file = await writeJsonLines(`${folder}/prompts.jsonl`, [
      ...prompts,
      { prompt: "long ".repeat(30), completion: "x" },
    ]);
    const completions = await learn(file, "sun =");
    const endless = await trainTask(["--model", model, "--data", file, "--tokenizer", "bytes"]);
    assert.match(endless.data, /no token that ends texts, so that completions do not learn to end/);
    assert.equal(completions.answer, " suns");
    assert.match(
      completions.data,
      /21 to train on, 3 held out; 1 left out \(no target among the first 64 tokens\): .*prompts\.jsonl:25$/,
    );
  });
});
