// Dropout in models: at the places of transformers, the same whatever the mesh, and never without masks.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { World } from "../../src/distributed/world.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import type { PretrainedModel } from "../../src/models/pretrained_model.ts";
import { newModel } from "../../src/models/new_model.ts";
import { parallelize } from "../../src/models/parallelize.ts";
import type { Decoder } from "../../src/models/decoder.ts";
import { T5 } from "../../src/models/t5.ts";
import { Whisper } from "../../src/models/whisper.ts";
import { Blip2 } from "../../src/models/blip2.ts";
import { VitClassifier } from "../../src/models/vit.ts";
import type { BertClassifier } from "../../src/models/bert_classifier.ts";
import type { DropoutMasks } from "../../src/nn/dropout.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { imageTexts } from "../support/models/small_models.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";

type Config = Readonly<Record<string, unknown>>;

/** By family: a setting of each probability, and the number of places that it has in a model of two blocks. */
const PLACES: readonly (readonly [Config, Readonly<Record<string, number>>])[] = [
  [smallConfigs.gpt2, { embd_pdrop: 1, attn_pdrop: 2, resid_pdrop: 4 }],
  [smallConfigs.opt, { dropout: 4, attention_dropout: 2 }],
  [smallConfigs.gptj, { embd_pdrop: 1, attn_pdrop: 2, resid_pdrop: 4 }],
  [smallConfigs.bloom, { hidden_dropout: 4, attention_dropout: 2 }],
  ...[
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "falcon",
    "cohere",
    "glm",
    "gemma2",
    "cohere2",
    "olmo2",
    "granite",
  ].map((family) =>
    [smallConfigs[family as keyof typeof smallConfigs], { attention_dropout: 2 }] as const
  ),
  [smallEncoderConfigs.bert, { hidden_dropout_prob: 5, attention_probs_dropout_prob: 2 }],
  // Two blocks are used three times each: embeddings, and each attention's weights and output.
  [smallEncoderConfigs.albert, { hidden_dropout_prob: 1 + 6, attention_probs_dropout_prob: 6 }],
  [smallEncoderConfigs.modernBert, { embedding_dropout: 1, attention_dropout: 4, mlp_dropout: 2 }],
  [smallEncoderConfigs.bertClassifier, {
    hidden_dropout_prob: 5,
    attention_probs_dropout_prob: 2,
    classifier_dropout: 1,
  }],
  [smallEncoderConfigs.bertTokenClassifier, {
    hidden_dropout_prob: 5,
    attention_probs_dropout_prob: 2,
    classifier_dropout: 1,
  }],
  [smallEncoderConfigs.vit, { hidden_dropout_prob: 5, attention_probs_dropout_prob: 2 }],
  // Embeddings and the last norm of both stacks; in each block the attention weights, the MLP's hidden features and the output of each
  // part; the decoder's blocks have cross-attention, too.
  [smallEncoderConfigs.t5, { dropout_rate: 4 + 2 * 4 + 2 * 6 }],
  // The same without those norms; attention weights and hidden features have settings of their own.
  [smallEncoderConfigs.whisper, {
    dropout: 2 + 2 * 2 + 2 * 3,
    attention_dropout: 2 + 2 * 2,
    activation_dropout: 2 * 2,
  }],
  // The first of the Q-Former's two blocks has cross-attention, too.
  [smallEncoderConfigs.blip2, {
    "vision_config.attention_dropout": 2,
    "qformer_config.hidden_dropout_prob": 1 + 2 * 2 + 1,
    "qformer_config.attention_probs_dropout_prob": 2 + 1,
    "text_config.dropout": 4,
    "text_config.attention_dropout": 2,
  }],
];

for (const [config, places] of PLACES) {
  const name = [config.model_type, config.architectures].join(" ");
  const none = Object.keys(places).reduce((config, key) => withSetting(config, key, 0), config);
  for (const [key, count] of Object.entries(places)) {
    Deno.test(`${name} has dropout at ${count} places with ${key}`, async () => {
      using device = wasmDevice();
      using model = newModel(device, withSetting(none, key, 0.2), { random: new RandomSource(1) });
      const calls = callsThatDrop(device);
      const plain = await logits(model, { rows: 3 });
      assert.equal(calls.length, 0);
      const dropped = await logits(model, { rows: 3, dropout: { seed: 1, step: 1 } });
      const threshold = Math.round(0.2 * 2 ** 32);
      assertSameBits(calls.map((each) => each.threshold), new Array(count).fill(threshold));
      assertOtherBits(dropped, plain);
      assert.ok(dropped.every(Number.isFinite));
      const zero = { seed: 1, step: 1, probability: 0 };
      assertSameBits(await logits(model, { rows: 3, dropout: zero }), plain);
      const more = { seed: 1, step: 1, probability: 0.5 };
      assertOtherBits(await logits(model, { rows: 3, dropout: more }), dropped);
    });
  }
  Deno.test(`${name} drops the same in some rows of a batch as in all of them, and differently at every place`, async () => {
    using device = wasmDevice();
    using model = newModel(device, config, { random: new RandomSource(1) });
    const dropout = { seed: 1, step: 1, probability: 0.3 };
    const calls = callsThatDrop(device);
    const all = await logits(model, { rows: 5, dropout });
    assert.equal(new Set(calls.map(({ seedLow }) => seedLow)).size, calls.length);
    const last = await logits(model, {
      rows: 5,
      firstRow: 2,
      dropout: { ...dropout, firstRow: 2 },
    });
    assertClose(last, all.slice(all.length / 5 * 2), ROUNDING);
    assertOtherBits(await logits(model, { rows: 5, dropout: { ...dropout, step: 2 } }), all);
  });
}

for (
  const config of [
    smallConfigs.gpt2,
    smallConfigs.llama,
    smallConfigs.opt,
    ...Object.values(smallEncoderConfigs),
  ]
) {
  const name = config.architectures.join();
  Deno.test(`${name}: ranks that split the layers drop what one rank does, forward and backward`, async () => {
    const dropout = { seed: 5, step: 7, probability: 0.25 };
    const run = async (world: World, tensor: number) => {
      using device = wasmDevice();
      using model = newModel(device, config, { random: new RandomSource(1) });
      model.recompute = "blocks";
      await parallelize(model, ProcessGroupMesh.over(world, tensor, 1));
      using y = await forward(model, { rows: 4, dropout });
      const values = [...await y.data()];
      using loss = mean(mul(y, y));
      await loss.backward();
      const norms = [...model.namedParameters()].filter(([name]) => /[nN]orm\.weight$/.test(name));
      const gradients = await Promise.all(norms.map(([, { grad }]) => grad!.data()));
      return { values, gradients: gradients.flatMap((each) => [...each]) };
    };
    const [one] = await inProcessRanks(1, (world) => run(world, 1));
    for (const each of await inProcessRanks(2, (world) => run(world, 2))) {
      assertClose(each.values, one.values, ROUNDING);
      assertClose(each.gradients, one.gradients, ROUNDING);
    }
  });
}

/** A config with another setting, whose name may be that of a nested one. */
function withSetting(config: Config, name: string, value: number): Config {
  const [key, ...rest] = name.split(".");
  if (rest.length === 0) return { ...config, [key]: value };
  return { ...config, [key]: withSetting(config[key] as Config, rest.join("."), value) };
}

/** Parameters of all dropout kernels that run. */
function callsThatDrop(device: Device): Readonly<Record<string, number>>[] {
  const calls: Readonly<Record<string, number>>[] = [];
  const run = device.run.bind(device);
  device.run = (kernel, operands, params) => {
    const given: Readonly<Record<string, number>> = params;
    if ((given.threshold ?? 0) !== 0) calls.push(given);
    run(kernel, operands, params);
  };
  return calls;
}

function texts(
  device: Device,
  { rows, firstRow = 0 }: { readonly rows: number; readonly firstRow?: number },
): Tensor<"u32"> {
  const tokens = Uint32Array.from({ length: rows * 5 }, (_, i) => 2 + i * i % 9);
  return Tensor.from(device, tokens.slice(firstRow * 5), { shape: [rows - firstRow, 5] });
}

interface Batch {
  readonly rows: number;
  readonly firstRow?: number;
  readonly dropout?: DropoutMasks;
}

async function logits(model: PretrainedModel, batch: Batch): Promise<number[]> {
  using y = await forward(model, batch);
  return [...await y.data()];
}

/** Logits of rows from `firstRow` on. */
async function forward(
  model: PretrainedModel,
  { rows, firstRow = 0, dropout }: Batch,
): Promise<Tensor> {
  const [{ device }] = model.parameters();
  const tokens = texts(device, { rows, firstRow });
  const images = Float32Array.from({ length: rows * 70 }, (_, i) => Math.sin(i));
  const pixels = Tensor.from(device, images.slice(firstRow * 70), {
    shape: [rows - firstRow, 2, 5, 7],
  });
  const sounds = Tensor.from(device, images.slice(firstRow * 24, rows * 24), {
    shape: [rows - firstRow, 3, 8],
  });
  return model instanceof T5
    ? await model.forward({ tokens, targets: tokens, dropout })
    : model instanceof Whisper
    ? await model.forward({ features: sounds, targets: tokens, dropout })
    : model instanceof VitClassifier
    ? await model.forward({ pixels, dropout })
    : model instanceof Blip2
    ? await model.forward({ ...imageTexts(model, { rows, firstRow }), dropout })
    : await (model as Decoder | BertClassifier).forward({ tokens, dropout });
}

const ROUNDING = { ofLargest: 1e-5 };
