// Models with another head than the one that a checkpoint was saved with, as transformers' from_pretrained() makes them.

import assert from "node:assert/strict";
import { loadPretrained, type LoadReport } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { BertMaskedLm } from "../../src/models/bert.ts";
import { BertClassifier } from "../../src/models/bert_classifier.ts";
import { BertTokenClassifier } from "../../src/models/bert_token_classifier.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import { T5 } from "../../src/models/t5.ts";
import { VitClassifier } from "../../src/models/vit.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import {
  bitsOf,
  ModelFolder,
  storedBits,
  zeros,
} from "../support/checkpoint/changed_checkpoint.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";

const random = () => new RandomSource(3);
const POOLER = ["bert.pooler.dense.weight", "bert.pooler.dense.bias"];
const CLASSIFIER = ["classifier.weight", "classifier.bias"];

Deno.test("a BertModel becomes a classifier: its encoder and pooler are kept, the classifier is new", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(device, smallEncoderConfigs.bertClassifier);
  const trained = new Map(await storedBits(device, folder.path));
  await folder.change((tensors) =>
    tensors.filter(({ name }) => name.startsWith("bert."))
      .map((each) => ({ ...each, name: each.name.slice("bert.".length) }))
  );
  const { num_labels: _, ...config } = smallEncoderConfigs.bertClassifier;
  await Deno.writeTextFile(
    folder.file("config.json"),
    JSON.stringify({ ...config, architectures: ["BertModel"] }),
  );
  const reports: LoadReport[] = [];
  const options = {
    model: BertClassifier,
    labels: ["good", "bad", "neither", "both"],
    onLoaded: (report: LoadReport) => reports.push(report),
  };
  using model = await loadPretrained(device, folder.path, { ...options, random: random() });
  assert.deepEqual(reports, [
    { folder: folder.path, newTensors: CLASSIFIER, unusedTensors: [] },
  ]);
  const bits = new Map(await bitsOf(model));
  for (const [path, bytes] of bits) {
    if (!path.startsWith("classifier.")) assertSameBits(bytes, trained.get(path)!);
  }
  const { weight, bias } = model.classifier as unknown as Record<
    "weight" | "bias",
    { readonly shape: readonly number[]; data(): Promise<Float32Array> }
  >;
  assert.deepEqual([weight.shape, bias.shape], [[4, 12], [4]]);
  assert.deepEqual([...await bias.data()], [0, 0, 0, 0]);
  const values = await weight.data();
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
  assert.ok(deviation > 0.2 && deviation < 0.4, `initializer_range is 0.3, got ${deviation}`);

  using again = await loadPretrained(device, folder.path, { ...options, random: random() });
  assertSameBits(await bitsOf(again), [...bits]);
  using other = await loadPretrained(device, folder.path, {
    ...options,
    random: new RandomSource(4),
  });
  assert.notDeepEqual(await other.namedParameters().get("classifier.weight")!.data(), values);

  await using saved = await ModelFolder.make();
  await savePretrained(model, saved.path);
  const written = JSON.parse(await Deno.readTextFile(saved.file("config.json")));
  assert.deepEqual(written.architectures, ["BertForSequenceClassification"]);
  assert.deepEqual(written.id2label, { 0: "good", 1: "bad", 2: "neither", 3: "both" });
  assert.deepEqual(written.label2id, { good: 0, bad: 1, neither: 2, both: 3 });
  assertSameBits(await storedBits(device, saved.path), [...bits]);
});

Deno.test("a masked language model becomes a classifier: its head is unused, pooler and classifier are new", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(device, smallEncoderConfigs.bert);
  await folder.change((tensors) => [...tensors, zeros("cls.seq_relationship.bias", [2])]);
  let report: LoadReport | undefined;
  using model = await loadPretrained(device, folder.path, {
    model: BertClassifier,
    labels: ["a", "b", "c"],
    random: random(),
    dtype: "bf16",
    onLoaded: (each) => report = each,
  });
  assert.ok(model.parameters().every(({ dtype }) => dtype === "bf16"));
  assert.deepEqual(report?.newTensors, [...POOLER, ...CLASSIFIER]);
  assert.deepEqual(report?.unusedTensors.toSorted(), [
    "cls.predictions.bias",
    "cls.predictions.transform.LayerNorm.bias",
    "cls.predictions.transform.LayerNorm.weight",
    "cls.predictions.transform.dense.bias",
    "cls.predictions.transform.dense.weight",
    "cls.seq_relationship.bias",
  ]);
  // And back: the pooler is unused, the head is new.
  await savePretrained(model, folder.file("classifier"));
  using back = await loadPretrained(device, folder.file("classifier"), {
    model: BertMaskedLm,
    random: random(),
    onLoaded: (each) => report = each,
  });
  assert.deepEqual(report?.unusedTensors.toSorted(), [...POOLER, ...CLASSIFIER].toSorted());
  assert.equal(report?.newTensors.length, 5);
  assert.ok(back.parameters().every(({ dtype }) => dtype === "bf16"));
});

Deno.test("another number of classes makes a new classifier, the same number only names them", async () => {
  using device = wasmDevice();
  for (const family of ["bertClassifier", "vit"] as const) {
    await using folder = await ModelFolder.withModel(device, smallEncoderConfigs[family]);
    const before = await storedBits(device, folder.path);
    let report: LoadReport | undefined;
    const onLoaded = (each: LoadReport) => report = each;
    using named = await loadPretrained(device, folder.path, { labels: ["x", "y", "z"], onLoaded });
    assertSameBits(await bitsOf(named), before);
    assert.deepEqual([report?.newTensors, report?.unusedTensors], [[], []]);
    assert.deepEqual(named.form.config.values.id2label, { 0: "x", 1: "y", 2: "z" });
    const labels = ["x", "y"];
    using two = await loadPretrained(device, folder.path, { labels, random: random(), onLoaded });
    assert.deepEqual([report?.newTensors, report?.unusedTensors], [CLASSIFIER, CLASSIFIER]);
    assert.deepEqual(two.namedParameters().get("classifier.weight")?.shape, [2, 12]);
    await assert.rejects(
      loadPretrained(device, folder.path, { labels }),
      /lacks classifier\.weight, a part of the model's head: give `random`/,
    );
  }
});

Deno.test("a BertModel and a classifier of texts become classifiers of tokens; their poolers are unused", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(
    device,
    smallEncoderConfigs.bertClassifier,
  );
  const trained = new Map(await storedBits(device, folder.path));
  let report: LoadReport | undefined;
  const options = {
    model: BertTokenClassifier,
    labels: ["O", "B-PER", "I-PER", "B-LOC"],
    onLoaded: (each: LoadReport) => report = each,
  };
  using ofTokens = await loadPretrained(device, folder.path, { ...options, random: random() });
  assert.deepEqual(report?.newTensors, CLASSIFIER);
  assert.deepEqual(report?.unusedTensors.toSorted(), [...POOLER, ...CLASSIFIER].toSorted());
  await folder.change((tensors) =>
    tensors.filter(({ name }) => name.startsWith("bert."))
      .map((each) => ({ ...each, name: each.name.slice("bert.".length) }))
  );
  await folder.configure({ architectures: ["BertModel"] });
  using model = await loadPretrained(device, folder.path, { ...options, random: random() });
  assert.deepEqual(report?.newTensors, CLASSIFIER);
  assert.deepEqual(
    report?.unusedTensors.toSorted(),
    POOLER.map((name) => name.slice("bert.".length)).toSorted(),
  );
  assertSameBits(await bitsOf(model), await bitsOf(ofTokens));
  for (const [path, bytes] of await bitsOf(model)) {
    if (!path.startsWith("classifier.")) assertSameBits(bytes, trained.get(path)!);
  }
  await savePretrained(model, folder.file("saved"));
  const written = JSON.parse(await Deno.readTextFile(folder.file("saved/config.json")));
  assert.deepEqual(written.architectures, ["BertForTokenClassification"]);
  assert.deepEqual(written.id2label, { 0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC" });
});

Deno.test("a ViTModel becomes a classifier; its pooler is unused", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(device, smallEncoderConfigs.vit);
  await folder.change((tensors) => [
    ...tensors.filter(({ name }) => name.startsWith("vit."))
      .map((each) => ({ ...each, name: each.name.slice("vit.".length) })),
    zeros("pooler.dense.weight", [12, 12]),
  ]);
  await folder.configure({ architectures: ["ViTModel"] });
  let report: LoadReport | undefined;
  using model = await loadPretrained(device, folder.path, {
    random: random(),
    labels: ["cat", "dog"],
    onLoaded: (each) => report = each,
  });
  assert.ok(model instanceof VitClassifier);
  assert.deepEqual(report?.newTensors, CLASSIFIER);
  assert.deepEqual(report?.unusedTensors, ["pooler.dense.weight"]);
});

const BASES = {
  gpt2: ["GPT2Model", "transformer."],
  llama: ["LlamaModel", "model."],
  mistral: ["MistralModel", "model."],
  mixtral: ["MixtralModel", "model."],
  qwen2: ["Qwen2Model", "model."],
  qwen3: ["Qwen3Model", "model."],
  opt: ["OPTModel", "model."],
} as const;

for (const [family, [base, prefix]] of Object.entries(BASES)) {
  Deno.test(`a ${base} becomes a language model; its head is new unless it is tied`, async () => {
    using device = wasmDevice();
    await using folder = await ModelFolder.withModel(
      device,
      smallConfigs[family as keyof typeof BASES],
    );
    const trained = new Map(await storedBits(device, folder.path));
    await folder.change((tensors) =>
      tensors.filter(({ name }) => name !== "lm_head.weight")
        .map((each) => ({ ...each, name: each.name.replace(prefix, "") }))
    );
    await folder.configure({ architectures: [base] });
    let report: LoadReport | undefined;
    using model = await loadPretrained(device, folder.path, {
      model: Decoder,
      random: random(),
      onLoaded: (each) => report = each,
    });
    const isTied = !trained.has("head.weight");
    assert.deepEqual(report?.newTensors, isTied ? [] : ["lm_head.weight"]);
    assert.deepEqual(report?.unusedTensors, []);
    for (const [path, bytes] of await bitsOf(model)) {
      if (path !== "head.weight") assertSameBits(bytes, trained.get(path)!);
    }
    await savePretrained(model, folder.file("saved"));
    assert.deepEqual(
      JSON.parse(await Deno.readTextFile(folder.file("saved/config.json"))).architectures,
      smallConfigs[family as keyof typeof BASES].architectures,
    );
    assertSameBits(await storedBits(device, folder.file("saved")), await bitsOf(model));
    if (isTied) return;
    await assert.rejects(loadPretrained(device, folder.path), /lacks lm_head\.weight.*`random`/);
  });
}

Deno.test("a T5Model becomes a T5; an encoder alone does not, as it has no decoder", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(device, smallEncoderConfigs.t5);
  await folder.configure({ architectures: ["T5Model"] });
  using model = await loadPretrained(device, folder.path, { random: random() });
  assert.ok(model instanceof T5);
  await folder.change((tensors) => tensors.filter(({ name }) => !name.startsWith("decoder.")));
  await folder.configure({ architectures: ["T5EncoderModel"] });
  await assert.rejects(
    loadPretrained(device, folder.path, { model: T5, random: random() }),
    /lacks decoder\..*, which config\.json requires/,
  );
});

Deno.test("only heads may be new or unused: the rest must be in the files and in the model", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(device, smallEncoderConfigs.bert);
  await folder.configure({ architectures: ["BertModel"] });
  const before = device.statistics().liveBytes;
  const loading = (more = {}) =>
    loadPretrained(device, folder.path, { model: BertClassifier, random: random(), ...more });
  await folder.change((tensors) => [...tensors, zeros("bert.encoder.layer.0.more.weight", [2])]);
  await assert.rejects(loading(), /does not have: bert\.encoder\.layer\.0\.more\.weight$/);
  await folder.change((tensors) => tensors.filter(({ name }) => !name.includes("layer.0.")));
  await assert.rejects(loading(), /lacks bert\.encoder\.layer\.0\..*, which config\.json requires/);
  assert.equal(device.statistics().liveBytes, before);
  // The config does not say which of two heads.
  await assert.rejects(
    loadPretrained(device, folder.path),
    /architectures must name one of BertForMaskedLM, BertForSequenceClassification, BertForTokenClassification, got BertModel: give the class/,
  );
  await assert.rejects(loading({ labels: [] }), /labels must be one or more names/);
  await assert.rejects(loading({ labels: ["a", "a"] }), /names that differ/);
  await using decoder = await ModelFolder.withModel(device, smallConfigs.gpt2);
  await assert.rejects(
    loadPretrained(device, decoder.path, { labels: ["a"] }),
    /GPT2LMHeadModel, has no classes: leave labels out/,
  );
});

Deno.test("newModel() makes the requested class of a base config, and its config says so", () => {
  using device = wasmDevice();
  const config = { ...smallEncoderConfigs.bert, architectures: ["BertModel"] };
  using model = newModel(device, config, { random: random(), model: BertClassifier });
  assert.deepEqual(model.form.config.values.architectures, ["BertForSequenceClassification"]);
  // A config that names none is not loaded without a class, if its model_type has several.
  const { architectures: _, ...unnamed } = config;
  using named = newModel(device, unnamed, { random: random(), model: BertTokenClassifier });
  assert.deepEqual(named.form.config.values.architectures, ["BertForTokenClassification"]);
  using only = newModel(device, { ...smallConfigs.gpt2, architectures: null }, {
    random: random(),
  });
  assert.equal(only.form.config.values.architectures, null);
});
