// Decoders with settings that no golden has, against plain loops: logits, and gradients by finite differences.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { causalLoss } from "../../src/models/losses/causal_loss.ts";
import { nameOf } from "../../src/models/config/checkpoint_names.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { IGNORE_INDEX } from "../../src/ops/cross_entropy.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { assertWithin } from "../support/ops/gradient_check.ts";
import { type Config, decoderLogits, type Weights } from "../reference/decoder.ts";
import { smallConfigs } from "../support/models/small_configs.ts";

const { gpt2, llama, mistral, qwen2, qwen3, opt } = smallConfigs;
const rope = { rope_theta: 100 };

const cases: Readonly<Record<string, Config>> = {
  "GPT-2 with scores over the block's number, an untied head and ReLU": {
    ...gpt2,
    scale_attn_by_inverse_layer_idx: true,
    tie_word_embeddings: false,
    activation_function: "relu",
    n_inner: 5,
  },
  "GPT-2 with scores as they are": { ...gpt2, scale_attn_weights: false },
  "Llama with biases, one head of keys, a tied head and linear scaling": {
    ...llama,
    attention_bias: true,
    mlp_bias: true,
    num_key_value_heads: 1,
    tie_word_embeddings: true,
    rope_parameters: { ...rope, rope_type: "linear", factor: 2 },
  },
  "Llama with as many heads of keys as of queries, heads of another width and dynamic scaling": {
    ...llama,
    num_key_value_heads: 4,
    head_dim: 6,
    max_position_embeddings: 4,
    rope_parameters: { ...rope, rope_type: "dynamic", factor: 3 },
  },
  "Mistral with a window of one": { ...mistral, sliding_window: 1 },
  "Qwen2 with a window from its second block on": {
    ...qwen2,
    use_sliding_window: true,
    sliding_window: 2,
    max_window_layers: 1,
  },
  "Qwen2 with a window in its first block": {
    ...qwen2,
    use_sliding_window: true,
    sliding_window: 2,
    layer_types: ["sliding_attention", "full_attention"],
  },
  "Qwen3 with biases": { ...qwen3, attention_bias: true, hidden_act: "gelu_pytorch_tanh" },
  "OPT with narrow embeddings and norms after (350M)": { ...opt, do_layer_norm_before: false },
  "OPT without biases and last norm, tanh": {
    ...opt,
    enable_bias: false,
    _remove_final_layer_norm: true,
    activation_function: "tanh",
    word_embed_proj_dim: 8,
  },
};

const LENGTH = 6;
const texts = [
  { tokens: [3, 5, 2, 7, 10, 4], mask: [1, 1, 1, 1, 1, 1], labels: [3, 5, 2, 7, 10, 4] },
  // Padding on the left: positions that count real tokens begin after it.
  { tokens: [0, 9, 8, 6, 3, 2], mask: [0, 1, 1, 1, 1, 1], labels: [-1, -1, 8, 6, 3, 2] },
] as const;

for (const [what, config] of Object.entries(cases)) {
  testOnEachDevice(`${what}: logits and gradients are those of plain loops`, async (device) => {
    using model = await randomDecoder(device, config);
    using inputs = new Inputs(device);
    const weights = await weightsOf(model);
    const logits = await model.forward(inputs);
    const values = await logits.data();
    for (const [b, text] of texts.entries()) {
      const expected = decoderLogits(config, weights, text);
      for (let t = 0; t < LENGTH; t++) {
        // The output of a query that attends to nothing is not defined.
        if (text.mask[t] === 0) continue;
        const at = (b * LENGTH + t) * expected[t].length;
        assertWithin(values.subarray(at, at + expected[t].length), expected[t], {
          tolerance: 1e-5,
          what: `logits of token ${t} in text ${b}`,
        });
      }
    }
    using loss = causalLoss(logits, inputs.labels);
    assertWithin(await loss.data(), [referenceLoss(config, weights)], {
      tolerance: 1e-5,
      what: "loss",
    });
    await loss.backward();
    for (const [path, parameter] of model.namedParameters()) {
      const name = nameOf(path, model.form.names);
      const gradient = await parameter.grad!.data();
      const largest = gradient.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      for (const at of [0, Math.floor(gradient.length / 2), gradient.length - 1]) {
        const slope = slopeOf(config, weights, { name, at });
        assert.ok(
          Math.abs(gradient[at] - slope) < 2e-5 * Math.max(largest, 0.1),
          `${name}[${at}]: wanted ${slope}, got ${gradient[at]}`,
        );
      }
    }
    model.zeroGrad();
  });
}

Deno.test("a padding token gets no gradient from its lookups, but does from a tied head", async () => {
  using device = wasmDevice();
  using inputs = new Inputs(device);
  const gradientOf = async (changes: object) => {
    using model = await randomDecoder(device, { ...llama, ...changes });
    using loss = causalLoss(await model.forward(inputs), inputs.labels);
    await loss.backward();
    const [table, head] = ["tokens.weight", "head.weight"]
      .map((path) => model.namedParameters().get(path)?.grad);
    const row = async (gradient = table) => [...(await gradient!.data()).subarray(3 * 8, 4 * 8)];
    const result = { table: await row(), head: head === undefined ? undefined : await row(head) };
    model.zeroGrad();
    return result;
  };
  const usual = await gradientOf({});
  assert.ok(usual.table.some((value) => value !== 0));
  for (const pad_token_id of [3, 3 - 11]) {
    const padded = await gradientOf({ pad_token_id });
    assertSameBits(padded.table, new Array(8).fill(0));
    assertSameBits(padded.head, usual.head);
  }
  const tied = await gradientOf({ tie_word_embeddings: true });
  const tiedPadded = await gradientOf({ tie_word_embeddings: true, pad_token_id: 3 });
  assertOtherBits(tiedPadded.table, tied.table);
  assert.ok(tiedPadded.table.some((value) => value !== 0));
});

testOnEachDevice(
  "a decoder of 16-bit parameters computes the same as one of f32 with the same values",
  async (device) => {
    for (const config of [gpt2, qwen3, opt]) {
      using narrow = newModel(device, config, {
        random: new RandomSource(1),
        model: Decoder,
        dtype: "bf16",
        gradientDtype: "f32",
      });
      using wide = newModel(device, config, { random: new RandomSource(3), model: Decoder });
      const twins = narrow.namedParameters();
      for (const [path, twin] of wide.namedParameters()) {
        twin.write(await twins.get(path)!.data());
      }
      using inputs = new Inputs(device);
      const logits: Float32Array[] = [];
      for (const model of [narrow, wide]) {
        const output = await model.forward(inputs);
        logits.push(await output.data());
        using loss = causalLoss(output, inputs.labels);
        await loss.backward();
      }
      assertSameBits(logits[0], logits[1]);
      for (const [path, parameter] of wide.namedParameters()) {
        assertSameBits(await twins.get(path)!.grad!.data(), await parameter.grad!.data(), path);
      }
      narrow.zeroGrad();
      wide.zeroGrad();
    }
  },
);

testOnEachDevice(
  "a decoder keeps no memory between steps except tables of positions",
  async (device) => {
    for (const config of [llama, opt]) {
      using model = await randomDecoder(device, config);
      using inputs = new Inputs(device);
      const step = async () => {
        using loss = causalLoss(await model.forward(inputs), inputs.labels);
        await loss.backward();
        model.zeroGrad();
        return device.statistics().liveBytes;
      };
      // The first run makes tables; its loss is still alive when memory is counted.
      const first = await step();
      for (let k = 0; k < 3; k++) assert.equal(await step(), first);
    }
    assert.equal(device.statistics().liveBytes, 0);
  },
);

Deno.test("a decoder takes a longer text after a shorter one whose backward is still to come", async () => {
  using device = wasmDevice();
  using model = await randomDecoder(device, llama);
  const lossOf = async (length: number) => {
    const tokens = Uint32Array.from({ length }, (_, t) => t % 11);
    using x = Tensor.from(device, tokens, { shape: [1, length] });
    const loss = causalLoss(await model.forward({ tokens: x }), x);
    return await loss.backward().then(() => loss);
  };
  using short = await lossOf(3);
  using long = await lossOf(9);
  using again = await lossOf(3);
  assert.equal(await again.item(), await short.item());
  assert.ok(Number.isFinite(await long.item()));
  model.zeroGrad();
});

Deno.test("a decoder refuses inputs of wrong shapes", async () => {
  using device = wasmDevice();
  using model = await randomDecoder(device, gpt2);
  const refuses = async (
    tokens: readonly number[],
    shape: readonly number[],
    message: RegExp,
    mask?: readonly number[],
  ) => {
    using x = Tensor.from(device, tokens, { shape, dtype: "u32" });
    using m = mask === undefined ? undefined : Tensor.from(device, mask, { dtype: "u32" });
    await assert.rejects(model.forward({ tokens: x, mask: m }), { name: "RangeError", message });
  };
  await refuses([1, 2], [2], /tokens of \[B, T\], got \[2\]/);
  await refuses([1, 11], [1, 2], /indices under 11, got 11/);
  await refuses(new Array(10).fill(1), [1, 10], /has 9 positions, got a text of 10 tokens/);
  await refuses([1, 2], [1, 2], /mask of the tokens' shape \[1, 2\], got \[3\]/, [1, 1, 1]);
});

/** A decoder with values that make every part of it matter. */
async function randomDecoder(device: Device, config: Config): Promise<Decoder> {
  const model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
  const random = new RandomSource(2);
  for (const parameter of model.parameters()) {
    const stream = random.stream();
    const isVector = parameter.shape.length === 1;
    const values = await parameter.data();
    parameter.write(values.map((value, i) => (isVector ? value : 0) + 0.4 * stream.normal(i)));
  }
  return model;
}

async function weightsOf(model: Decoder): Promise<Weights> {
  const entries = [...model.namedParameters()].map(async ([path, parameter]) =>
    [nameOf(path, model.form.names), [...await parameter.data()]] as const
  );
  return new Map(await Promise.all(entries));
}

function referenceLoss(config: Config, weights: Weights): number {
  const losses = texts.flatMap((text) => {
    const logits = decoderLogits(config, weights, text);
    return text.labels.slice(1).flatMap((label, t) => {
      if (label === -1) return [];
      const total = logits[t].reduce((sum, value) => sum + Math.exp(value), 0);
      return [Math.log(total) - logits[t][label]];
    });
  });
  return losses.reduce((a, b) => a + b) / losses.length;
}

function slopeOf(
  config: Config,
  weights: Weights,
  { name, at }: { readonly name: string; readonly at: number },
): number {
  const h = 1e-5;
  const lossAt = (by: number) => {
    const changed = weights.get(name)!.map((value, k) => k === at ? value + by : value);
    return referenceLoss(config, new Map(weights).set(name, changed));
  };
  return (lossAt(h) - lossAt(-h)) / (2 * h);
}

/** The texts as a batch. */
class Inputs implements Disposable {
  readonly tokens: Tensor<"u32">;
  readonly mask: Tensor<"u32">;
  readonly labels: Tensor<"u32">;

  constructor(device: Device) {
    const shape = [texts.length, LENGTH];
    const batch = (values: readonly number[]) =>
      Tensor.from(device, Uint32Array.from(values), { shape });
    this.tokens = batch(texts.flatMap(({ tokens }) => tokens));
    this.mask = batch(texts.flatMap(({ mask }) => mask));
    this.labels = batch(
      texts.flatMap(({ labels }) => labels.map((label) => label === -1 ? IGNORE_INDEX : label)),
    );
  }

  [Symbol.dispose](): void {
    for (const each of [this.tokens, this.mask, this.labels]) each[Symbol.dispose]();
  }
}
