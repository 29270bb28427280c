import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { SafetensorsFile } from "../../src/checkpoint/safetensors_file.ts";
import { writeSafetensors } from "../../src/checkpoint/safetensors_write.ts";
import type { Device } from "../../src/device/device.ts";
import { BertMaskedLm } from "../../src/models/bert.ts";
import { BertClassifier } from "../../src/models/bert_classifier.ts";
import { newModel } from "../../src/models/new_model.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { sum } from "../../src/ops/sum.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

const config = {
  model_type: "bert",
  architectures: ["BertForMaskedLM"],
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 6,
  initializer_range: 0.3,
};

const make = (device: Device, settings: object = {}) =>
  newModel(device, { ...config, ...settings }, {
    random: new RandomSource(3),
    model: BertMaskedLm,
  });
const indices = (device: Device, values: readonly number[], shape: readonly number[]) =>
  Tensor.from(device, values, { shape, dtype: "u32" });

testOnEachDevice("BERT without token types uses type 0 for all", async (device) => {
  using model = make(device);
  using tokens = indices(device, [1, 2, 3, 4, 5, 6], [2, 3]);
  using zeros = indices(device, [0, 0, 0, 0, 0, 0], [2, 3]);
  using ones = indices(device, [0, 1, 0, 0, 0, 0], [2, 3]);
  using without = await model.forward({ tokens });
  using first = await model.forward({ tokens, tokenTypes: zeros });
  using mixed = await model.forward({ tokens, tokenTypes: ones });
  assertSameBits(await without.data(), await first.data());
  assertOtherBits(await without.data(), await mixed.data());
});

testOnEachDevice("BERT's tokens attend in both directions, and not to padding", async (device) => {
  using model = make(device);
  const logitsOf = async (values: readonly number[], real: readonly number[]) => {
    using tokens = indices(device, values, [1, 4]);
    using mask = indices(device, real, [1, 4]);
    using logits = await model.forward({ tokens, mask });
    return await logits.data();
  };
  const firstOf = (logits: Float32Array) => logits.slice(0, 11);
  const real = [1, 1, 1, 0];
  const given = firstOf(await logitsOf([1, 2, 3, 4], real));
  assertSameBits(firstOf(await logitsOf([1, 2, 3, 9], real)), given);
  assertOtherBits(firstOf(await logitsOf([1, 2, 9, 4], real)), given);
});

testOnEachDevice(
  "BERT's padding token gets its gradient from the tied head alone",
  async (device) => {
    using tied = make(device);
    using untied = make(device, { tie_word_embeddings: false });
    using tokens = indices(device, [0, 2, 0, 4], [1, 4]);
    for (const model of [tied, untied]) {
      using loss = sum(await model.forward({ tokens }));
      await loss.backward();
      const table = await model.encoder.tokenTable.grad!.data();
      assert.equal(table.slice(0, 8).some((each) => each !== 0), model === tied);
      assert.ok(table.slice(16, 24).some((each) => each !== 0));
    }
    assert.equal(tied.namedParameters().has("head.weight"), false);
    assert.equal(untied.namedParameters().has("head.weight"), true);
  },
);

testOnEachDevice("BERT's first files load with their old names", async (device) => {
  const folder = await Deno.makeTempDir();
  try {
    using model = make(device);
    await savePretrained(model, folder);
    const path = `${folder}/model.safetensors`;
    using file = await SafetensorsFile.open(path);
    const renamed = [...file.tensors].map(([name, { dtype, shape }]) => ({
      name: name.replace("LayerNorm.weight", "LayerNorm.gamma")
        .replace("LayerNorm.bias", "LayerNorm.beta"),
      dtype,
      shape,
      bytes: () => file.read(name),
    }));
    assert.ok(renamed.some(({ name }) => name === "bert.embeddings.LayerNorm.gamma"));
    await writeSafetensors(path, renamed);
    using loaded = await loadPretrained(device, folder, { model: BertMaskedLm });
    for (const [path, parameter] of model.namedParameters()) {
      const other = loaded.namedParameters().get(path)!;
      assertSameBits(await other.bytes(), await parameter.bytes(), path);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

testOnEachDevice("BERT refuses inputs of wrong shapes", async (device) => {
  using model = make(device);
  using flat = indices(device, [1, 2], [2]);
  using tokens = indices(device, [1, 2], [1, 2]);
  using long = indices(device, [1, 2, 3, 4, 5, 6, 7], [1, 7]);
  await assert.rejects(model.forward({ tokens: flat }), /BERT wants tokens of \[B, T\], got \[2\]/);
  await assert.rejects(
    model.forward({ tokens, tokenTypes: flat }),
    /BERT wants tokenTypes of the tokens' shape \[1, ?2\], got \[2\]/,
  );
  await assert.rejects(model.forward({ tokens: long }), /6 positions/);
});

testOnEachDevice("BertClassifier has as many logits as the config has labels", async (device) => {
  using tokens = indices(device, [1, 2, 3, 4], [2, 2]);
  for (
    const [labels, count] of [
      [{}, 2],
      [{ num_labels: 4 }, 4],
      [{ id2label: { "0": "no", "1": "yes", "2": "maybe" } }, 3],
    ] as const
  ) {
    const classifier = { architectures: ["BertForSequenceClassification"], ...labels };
    using model = newModel(device, { ...config, ...classifier }, {
      random: new RandomSource(3),
      model: BertClassifier,
    });
    using logits = await model.forward({ tokens });
    assert.deepEqual(logits.shape, [2, count]);
  }
});

for (
  const [setting, message] of [
    [{ position_embedding_type: "relative_key" }, /position_embedding_type/],
    [{ is_decoder: true }, /is_decoder/],
    [{ add_cross_attention: true }, /add_cross_attention/],
    [{ hidden_act: "mish" }, /hidden_act/],
    [
      { num_attention_heads: 3 },
      /hidden_size must be a multiple of num_attention_heads, got 8 and 3/,
    ],
    [{ pad_token_id: 11 }, /pad_token_id must be within the vocabulary of 11, got 11/],
    [{ problem_type: "ranking", architectures: ["BertForSequenceClassification"] }, /problem_type/],
    [{ architectures: ["BertForQuestionAnswering"] }, /BertForMaskedLM, BertForSequenceClass/],
  ] as const
) {
  testOnEachDevice(`BERT with ${JSON.stringify(setting)} is refused`, async (device) => {
    await Promise.resolve();
    // Without a class, which would decide on the head whatever the config names.
    const random = new RandomSource(3);
    assert.throws(() => newModel(device, { ...config, ...setting }, { random }), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, message);
      return true;
    });
  });
}
