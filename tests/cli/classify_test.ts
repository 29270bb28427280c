// The classification command, in processes as a user starts them, against the models themselves.

import assert from "node:assert/strict";
import { PNG } from "pngjs";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { BertClassifier } from "../../src/models/bert_classifier.ts";
import { BertTokenClassifier } from "../../src/models/bert_token_classifier.ts";
import { newModel } from "../../src/models/new_model.ts";
import { VitClassifier } from "../../src/models/vit.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { classify, classifyInTerminal } from "../support/cli/model_commands.ts";
import {
  smallWordPieceJson,
  WORDPIECE_CONFIG,
  WORDPIECE_VOCABULARY,
  wordPieceId,
} from "../support/train/small_wordpiece.ts";
import { withFolder } from "../support/temporary_folder.ts";

const NAMES = { 0: "warm", 1: "dry", 2: "both" };
const CONFIG = {
  model_type: "bert",
  vocab_size: WORDPIECE_VOCABULARY,
  hidden_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 10,
  max_position_embeddings: 8,
  initializer_range: 0.5,
  id2label: NAMES,
};

/** Saves a model and its tokenizer. */
async function saved(folder: string, model: BertClassifier | BertTokenClassifier): Promise<void> {
  await savePretrained(model, folder);
  await Deno.writeTextFile(`${folder}/tokenizer.json`, smallWordPieceJson());
  await Deno.writeTextFile(`${folder}/tokenizer_config.json`, JSON.stringify(WORDPIECE_CONFIG));
}

function softmax(logits: Float32Array): number[] {
  const weights = Array.from(logits, Math.exp);
  const total = weights.reduce((a, b) => a + b);
  return weights.map((each) => each / total);
}

/** Asserts that probabilities are those of classes. */
function assertProbabilities(actual: Readonly<Record<string, number>>, expected: number[]): void {
  assert.equal(Object.keys(actual).length, expected.length);
  for (const [id, name] of Object.entries(NAMES)) {
    assert.ok(Math.abs(actual[name] - expected[Number(id)]) < 1e-4, `${name}: ${actual[name]}`);
  }
}

const linesOf = (stdout: string) => stdout.trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test("classify.ts gives texts their labels and probabilities, in the order of the data", async () => {
  await withFolder(async (folder) => {
    using device = wasmDevice();
    const config = { ...CONFIG, architectures: ["BertForSequenceClassification"] };
    using model = newModel(device, config, { random: new RandomSource(3), model: BertClassifier });
    await saved(`${folder}/model`, model);
    const probabilitiesOf = async (...words: string[]) => {
      const ids = ["[CLS]", ...words, "[SEP]"].map(wordPieceId);
      using tokens = Tensor.from(device, ids, { shape: [1, ids.length], dtype: "u32" });
      using logits = await model.forward({ tokens });
      return softmax(await logits.data());
    };
    const flags = ["--model", `${folder}/model`, "--device", "wasm"];
    const given = await classify([...flags, "--text", "The film!", "good"]);
    assert.equal(given.code, 0, given.stderr);
    const [first, second] = linesOf(given.stdout);
    assert.deepEqual([first.text, second.text], ["The film!", "good"]);
    const expected = await probabilitiesOf("the", "film", "!");
    assertProbabilities(first.probabilities, expected);
    assertProbabilities(second.probabilities, await probabilitiesOf("good"));
    const best = expected.indexOf(Math.max(...expected)) as keyof typeof NAMES;
    assert.equal(first.label, NAMES[best]);
    assert.equal(Object.keys(first.probabilities)[0], first.label);

    if (Deno.build.os === "linux") {
      const table = await classifyInTerminal([...flags, "--text", "The film!", "good"]);
      const rows = table.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
      assert.deepEqual(rows.map(([label, _, text]) => [label, text]), [
        [first.label, "The film!"],
        [second.label, "good"],
      ]);
      assert.equal(rows[0][1], `${(100 * first.probabilities[first.label]).toFixed(1)}%`);
    }
    // The same lines from stdin, one at a time; a label in the data changes nothing.
    const piped = await classify([...flags, "--data", "-", "--batch", "1"], {
      stdin: "The film!\n\ngood\n",
    });
    assert.equal(piped.stdout, given.stdout, piped.stderr);
    const table = `${folder}/texts.csv`;
    await Deno.writeTextFile(table, "text,label\nThe film!,x\ngood,y\n");
    const read = await classify([...flags, "--data", table]);
    assert.equal(read.stdout, given.stdout, read.stderr);
    const long = await classify([...flags, "--text", "good ".repeat(20)]);
    assert.match(long.stderr, /^1 texts were longer than the model supports, and cut/);
    assertProbabilities(
      linesOf(long.stdout)[0].probabilities,
      await probabilitiesOf(..."good ".repeat(6).trim().split(" ")),
    );
  });
});

Deno.test("classify.ts gives words their labels", async () => {
  await withFolder(async (folder) => {
    using device = wasmDevice();
    const config = { ...CONFIG, architectures: ["BertForTokenClassification"] };
    using model = newModel(device, config, {
      random: new RandomSource(3),
      model: BertTokenClassifier,
    });
    await saved(`${folder}/model`, model);
    const ids = ["[CLS]", "anna", "o", "##x", "paris", "[SEP]"].map(wordPieceId);
    using tokens = Tensor.from(device, ids, { shape: [1, ids.length], dtype: "u32" });
    using logits = await model.forward({ tokens });
    const values = await logits.data();
    const expected = [1, 2, 4].map((at) => softmax(values.subarray(3 * at, 3 * at + 3)));
    const flags = ["--model", `${folder}/model`, "--device", "wasm"];
    const { stdout, stderr, code } = await classify([...flags, "--text", "Anna ox Paris"]);
    assert.equal(code, 0, stderr);
    const [line] = linesOf(stdout);
    assert.deepEqual(line.words, ["Anna", "ox", "Paris"]);
    for (const [k, each] of expected.entries()) {
      const largest = Math.max(...each);
      assert.equal(line.labels[k], NAMES[each.indexOf(largest) as keyof typeof NAMES]);
      assert.ok(Math.abs(line.probabilities[k] - largest) < 1e-4);
    }
    const data = `${folder}/words.jsonl`;
    await Deno.writeTextFile(data, JSON.stringify({ tokens: ["Anna", "ox", "Paris"] }));
    const read = await classify([...flags, "--data", data]);
    assert.equal(read.stdout, stdout, read.stderr);
    // Words beyond the model's tokens have no label.
    const long = await classify([...flags, "--text", "good ".repeat(7)]);
    assert.equal(linesOf(long.stdout)[0].labels[6], null);
  });
});

Deno.test("classify.ts gives images their labels", async () => {
  await withFolder(async (folder) => {
    using device = wasmDevice();
    const config = {
      model_type: "vit",
      hidden_size: 12,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 10,
      image_size: 4,
      patch_size: 2,
      initializer_range: 0.5,
      id2label: NAMES,
    };
    using model = newModel(device, config, { random: new RandomSource(3), model: VitClassifier });
    await savePretrained(model, `${folder}/model`);
    const image = new PNG({ width: 4, height: 4 });
    image.data.set(image.data.map((_: number, at: number) => at % 4 === 3 ? 255 : 3 * at));
    await Deno.writeFile(`${folder}/image.png`, PNG.sync.write(image));
    const values = Float32Array.from({ length: 48 }, (_, at) => {
      const [channel, pixel] = [Math.floor(at / 16), at % 16];
      return image.data[4 * pixel + channel] / 127.5 - 1;
    });
    using pixels = Tensor.from(device, values, { shape: [1, 3, 4, 4] });
    using logits = await model.forward({ pixels });
    const flags = ["--model", `${folder}/model`, "--device", "wasm"];
    const { stdout, stderr, code } = await classify([...flags, "--data", `${folder}/image.png`]);
    assert.equal(code, 0, stderr);
    const [line] = linesOf(stdout);
    assert.equal(line.image, `${folder}/image.png`);
    assertProbabilities(line.probabilities, softmax(await logits.data()));
    const text = await classify([...flags, "--text", "an image"]);
    assert.equal(text.code, 2);
    assert.match(text.stderr, /classifies images, and --text gives texts: give --data/);
  });
});

Deno.test("classify.ts says what is wrong and what to give instead, and exits with 2", async () => {
  const both = ["--model", "m", "--text", "a", "--data", "b"];
  for (
    const [flags, message] of [
      [["--model", "m"], /nothing to classify: give --text/],
      [both, /--text and --data both say what to classify/],
      [["--model", "/no/such", "--text", "a"], /\/no\/such/],
    ] as const
  ) {
    const { code, stderr } = await classify(flags);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
});
