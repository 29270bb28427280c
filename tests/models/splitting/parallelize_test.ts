import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { parallelize } from "../../../src/models/parallelize.ts";
import { Linear } from "../../../src/nn/linear.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { smallConfigs } from "../../support/models/small_configs.ts";

const { gpt2, llama, mistral, qwen2, qwen3, opt, deepseek_v3: deepseek } = smallConfigs;

async function decoder(device: Device, config: Readonly<Record<string, unknown>>) {
  return await newModel(device, config, { random: new RandomSource(1), model: Decoder });
}

async function logitsOf(model: Decoder): Promise<Float32Array> {
  const { device } = model.parameters()[0];
  using tokens = Tensor.from(device, [3, 5, 2, 7, 10, 4], { shape: [2, 3], dtype: "u32" });
  using mask = Tensor.from(device, [1, 1, 1, 1, 1, 1], { shape: [2, 3], dtype: "u32" });
  using logits = await model.forward({ tokens, mask });
  return await logits.data();
}

/** Settings that no golden has: 3 heads, biases, one head of keys, narrow embeddings. */
const CASES = {
  "GPT-2 with 3 heads, untied": {
    config: { ...gpt2, n_embd: 12, n_head: 3, tie_word_embeddings: false },
    sizes: [2, 3],
  },
  "Llama with biases and one head of keys": {
    config: { ...llama, attention_bias: true, mlp_bias: true, num_key_value_heads: 1 },
    sizes: [2, 4],
  },
  "Llama with 3 heads": {
    config: { ...llama, num_attention_heads: 3, num_key_value_heads: 3 },
    sizes: [2, 3],
  },
  "Mistral, tied": { config: { ...mistral, tie_word_embeddings: true }, sizes: [2, 4] },
  "Qwen2": { config: qwen2, sizes: [2, 4] },
  "Qwen3 with biases": { config: { ...qwen3, attention_bias: true }, sizes: [2, 4] },
  "DeepSeek-V3 with 3 heads and biases": {
    config: {
      ...deepseek,
      num_attention_heads: 3,
      num_key_value_heads: 3,
      attention_bias: true,
      kv_lora_rank: 4,
      q_lora_rank: 4,
    },
    sizes: [2, 3],
  },
  "OPT with narrow embeddings": { config: { ...opt, do_layer_norm_before: false }, sizes: [2] },
} as const;

for (const [what, { config, sizes }] of Object.entries(CASES)) {
  for (const size of sizes) {
    Deno.test(`parallelize() of ${what} over ${size} ranks keeps names and logits, and splits large parameters`, async () => {
      await inProcessRanks(size, async (world) => {
        using device = wasmDevice();
        const mesh = ProcessGroupMesh.over(world, size);
        using whole = await decoder(device, config);
        const expected = await logitsOf(whole);
        using model = await decoder(device, config);
        await parallelize(model, mesh);
        const names = [...whole.namedParameters().keys()];
        assert.deepEqual([...model.namedParameters().keys()], names);
        const actual = await logitsOf(model);
        assert.equal(actual.length, expected.length);
        actual.forEach((logit, k) => assert.ok(Math.abs(logit - expected[k]) < 1e-6));
        const elementsOf = ({ parameters }: { parameters: () => { length: number }[] }) =>
          parameters().reduce((sum, { length }) => sum + length, 0);
        const matrices = (of: Decoder) => ({
          parameters: () => of.parameters().filter(({ shape }) => shape.length > 1),
        });
        assert.ok(elementsOf(matrices(model)) < 0.9 * elementsOf(matrices(whole)));
      });
    });
  }
}

Deno.test("parallelize() refuses what cannot be split, on all ranks, and changes nothing", async () => {
  const refused = [
    [{ ...llama, num_attention_heads: 6, num_key_value_heads: 2 }, /6 heads with 2 heads of keys/],
    [
      { ...deepseek, num_attention_heads: 2, num_key_value_heads: 2 },
      /14 output features of blocks.0.attention.query.weight over 3 ranks: .* 7 stay together/,
    ],
    [{ ...gpt2, n_inner: 16 }, /2 heads with 2 heads of keys over 3 ranks/],
    [
      { ...llama, num_attention_heads: 3, num_key_value_heads: 3, intermediate_size: 2 },
      /2 output features of blocks.0.mlp.gate.weight over 3 ranks/,
    ],
  ] as const;
  await inProcessRanks(3, async (world) => {
    using device = wasmDevice();
    const mesh = ProcessGroupMesh.over(world, 3);
    for (const [config, message] of refused) {
      using model = await decoder(device, config);
      const before = await logitsOf(model);
      await assert.rejects(parallelize(model, mesh), { name: "RangeError", message });
      assertSameBits(await logitsOf(model), before);
    }
  });
});

Deno.test("parallelize() refuses what is no model, no mesh or no option, with what to give instead", async () => {
  await inProcessRanks(2, async (world) => {
    using device = wasmDevice();
    const mesh = ProcessGroupMesh.over(world, 2);
    using layer = new Linear(device, {
      inFeatures: 2,
      outFeatures: 2,
      random: new RandomSource(1),
    });
    using model = await decoder(device, gpt2);
    const refused: [unknown, unknown, object, string][] = [
      [{}, mesh, {}, "Cannot split an object over ranks: give a model that loadPretrained()"],
      [null, mesh, {}, "Cannot split null over ranks: give a model"],
      [layer, mesh, {}, "Cannot split an instance of Linear over ranks: give a model"],
      [Promise.resolve(), mesh, {}, "Cannot split an instance of Promise over ranks: give a model"],
      [model, undefined, {}, "Cannot split a model over undefined: give a mesh"],
      [
        model,
        world.group,
        {},
        "Cannot split a model over an instance of ProcessGroup: give a mesh",
      ],
      [model, mesh, { gatherLogit: false }, "There is no option gatherLogit of parallelize()"],
    ];
    for (const [given, over, options, message] of refused) {
      await assert.rejects(parallelize(given as never, over as never, options), (error) => {
        assert.ok(error instanceof TypeError && error.message.startsWith(message), String(error));
        return true;
      });
    }
    assert.ok(model.parameters().every(({ layout }) => layout.splits.length === 0));
  });
});

Deno.test("parallelize() splits only once, and not at all over one rank", async () => {
  await inProcessRanks(2, async (world) => {
    using device = wasmDevice();
    using model = await decoder(device, gpt2);
    const mesh = ProcessGroupMesh.over(world, 1, 2);
    await parallelize(model, mesh);
    assert.ok(model.parameters().every(({ layout }) => layout.splits.length === 0));
    await parallelize(model, mesh, { axis: 1 });
    await assert.rejects(parallelize(model, mesh, { axis: -1 }), {
      name: "TypeError",
      message: /tokens.weight is split already/,
    });
  });
});
