// Texts that are continued together, on one rank and on several, against texts that are run again for each token.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { Decoder, type DecoderInput } from "../../../src/models/decoder.ts";
import { generate, generateBatch, generateTokens } from "../../../src/models/generate.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { parallelize } from "../../../src/models/parallelize.ts";
import type { T5 } from "../../../src/models/t5.ts";
import { Module } from "../../../src/nn/module.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { smallConfigs } from "../../support/models/small_configs.ts";
import { smallMaskedModels, smallModel } from "../../support/models/small_models.ts";

const TEXTS = [[3, 5, 2], [7], [10, 1, 0, 4]];
const sampling = () => ({ temperature: 1.5, random: new RandomSource(5).stream() });

function decoder(device: Device, config: object): Decoder {
  const random = new RandomSource(1);
  return newModel(device, { initializer_range: 0.5, ...config }, { random, model: Decoder });
}

/** A model without a cache: each token is computed from the whole text. */
class Uncached extends Module<DecoderInput> {
  readonly #model: Decoder;

  constructor(model: Decoder) {
    super();
    this.#model = model;
  }

  override forward(input: DecoderInput): Promise<Tensor> {
    return this.#model.forward(input);
  }
}

for (const [family, config] of Object.entries(smallConfigs)) {
  testOnEachDevice(
    `generate() with ${family} gives the tokens of whole forward passes`,
    async (device) => {
      using model = decoder(device, config);
      for (const options of [{}, { sampling: sampling() }, { repetitionPenalty: 1.7 }]) {
        const all = { device, maxNewTokens: 5, ...options };
        const expected = await generate(new Uncached(model), TEXTS[0], all);
        assert.deepEqual(await generate(model, TEXTS[0], all), expected);
      }
    },
  );

  testOnEachDevice(
    `generateBatch() with ${family} gives each text its own tokens`,
    async (device) => {
      using model = decoder(device, config);
      const before = device.statistics().liveBytes;
      const alone = [];
      for (const text of TEXTS) {
        alone.push(await generate(new Uncached(model), text, { device, maxNewTokens: 5 }));
      }
      assert.deepEqual(await generateBatch(model, TEXTS, { device, maxNewTokens: 5 }), alone);
      // The second text ends at its second new token, the others when it comes.
      const stopTokens = [alone[1][2]];
      const ended = alone.map((text, row) => {
        const at = text.findIndex((token, k) =>
          k >= TEXTS[row].length && stopTokens.includes(token)
        );
        return at < 0 ? text : text.slice(0, at + 1);
      });
      assert.deepEqual(
        await generateBatch(model, TEXTS, { device, maxNewTokens: 5, stopTokens }),
        ended,
      );
      assert.ok(device.statistics().liveBytes <= before + 4096, "only tables of angles remain");
    },
  );
}

Deno.test("generate() within a context forgets the tokens before it", async () => {
  using device = wasmDevice();
  using model = decoder(device, smallConfigs.llama);
  const options = { device, maxNewTokens: 9, context: 5 };
  const expected = await generate(new Uncached(model), TEXTS[0], options);
  assert.deepEqual(await generate(model, TEXTS[0], options), expected);
  const rows = await generateBatch(model, TEXTS, options);
  assert.deepEqual(rows[0], expected);
  assert.deepEqual(rows[2], await generate(new Uncached(model), TEXTS[2], options));
});

Deno.test("generate() with dynamic frequencies runs texts again that are longer than in training", async () => {
  using device = wasmDevice();
  const rope = { rope_type: "dynamic", rope_theta: 10000, factor: 2 };
  using model = decoder(device, {
    ...smallConfigs.llama,
    max_position_embeddings: 6,
    rope_parameters: rope,
  });
  assert.equal(model.longestCached, 6);
  const options = { device, maxNewTokens: 8 };
  const expected = await generate(new Uncached(model), TEXTS[0], options);
  assert.deepEqual(await generate(model, TEXTS[0], options), expected);
});

Deno.test("generate() ends where the position table does", async () => {
  using device = wasmDevice();
  using model = decoder(device, smallConfigs.gpt2);
  await assert.rejects(generate(model, TEXTS[0], { device, maxNewTokens: 9 }), /supports 9 tokens/);
});

Deno.test("generateTokens() gives one token after the other, and ends when its loop is left", async () => {
  using device = wasmDevice();
  using model = decoder(device, smallConfigs.qwen2);
  const options = { device, maxNewTokens: 3, sampling: sampling() };
  const expected = await generateBatch(model, TEXTS, options);
  const found = await Array.fromAsync(generateTokens(model, TEXTS, options));
  assert.deepEqual(
    found,
    [0, 1, 2].flatMap((k) =>
      TEXTS.map(({ length }, row) => ({ row, token: expected[row][length + k], isLast: k === 2 }))
    ),
  );
  const before = device.statistics().liveBytes;
  for await (const _token of generateTokens(model, TEXTS, options)) break;
  assert.equal(device.statistics().liveBytes, before);
});

Deno.test("rows of a batch have random numbers of their own, and the first row those of a single text", async () => {
  using device = wasmDevice();
  using model = decoder(device, smallConfigs.llama);
  const options = { device, maxNewTokens: 12, sampling: sampling() };
  const [first, second] = await generateBatch(model, [TEXTS[0], TEXTS[0]], options);
  assert.deepEqual(first, await generate(model, TEXTS[0], options));
  assert.notDeepEqual(second, first);
});

Deno.test("stopWhen ends a text by its new tokens", async () => {
  using device = wasmDevice();
  using model = decoder(device, smallConfigs.llama);
  const all = await generate(model, TEXTS[0], { device, maxNewTokens: 5 });
  const stopWhen = (tokens: readonly number[]) => tokens.length === 2;
  const text = await generate(model, TEXTS[0], { device, maxNewTokens: 5, stopWhen });
  assert.deepEqual(text, all.slice(0, 5));
});

for (const [name, small] of Object.entries(smallMaskedModels)) {
  if (!name.startsWith("T5")) continue;
  testOnEachDevice(
    `generateBatch() with ${name} continues each target of its own source`,
    async (device) => {
      using model = smallModel(device, small) as T5;
      const found = await generateBatch(model, TEXTS, { device, maxNewTokens: 4 });
      for (const [row, source] of TEXTS.entries()) {
        const target = [model.startToken];
        for (let k = 0; k < 4; k++) {
          using tokens = Tensor.from(device, source, { shape: [1, source.length], dtype: "u32" });
          using targets = Tensor.from(device, target, { shape: [1, k + 1], dtype: "u32" });
          using logits = await model.forward({ tokens, targets });
          const last = (await logits.data()).slice(-11);
          target.push(last.indexOf(Math.max(...last)));
        }
        assert.deepEqual(found[row], target);
      }
    },
  );
}

const split = {
  ...smallConfigs,
  "llama with one head of keys": { ...smallConfigs.llama, num_key_value_heads: 1 },
};
for (const [family, config] of Object.entries(split)) {
  Deno.test(`generateBatch() with ${family} over 2 ranks gives the tokens of one, on both`, async () => {
    await inProcessRanks(2, async (world) => {
      using device = wasmDevice();
      using whole = decoder(device, config);
      using model = decoder(device, config);
      await parallelize(model, ProcessGroupMesh.over(world, 2));
      for (const options of [{}, { sampling: sampling() }]) {
        const all = { device, maxNewTokens: 5, stopTokens: [6], ...options };
        assert.deepEqual(
          await generateBatch(model, TEXTS, all),
          await generateBatch(whole, TEXTS, all),
        );
      }
    });
  });
}

Deno.test("generateBatch() with T5 over 3 ranks gives the tokens of one", async () => {
  await inProcessRanks(3, async (world) => {
    using device = wasmDevice();
    using whole = smallModel(device, smallMaskedModels["T5, tied and scaled"]) as T5;
    using model = smallModel(device, smallMaskedModels["T5, tied and scaled"]) as T5;
    await parallelize(model, ProcessGroupMesh.over(world, 3));
    const options = { device, maxNewTokens: 5 };
    assert.deepEqual(
      await generateBatch(model, TEXTS, options),
      await generateBatch(whole, TEXTS, options),
    );
  });
});

Deno.test("generate() refuses a model that leaves its logits on the ranks", async () => {
  await inProcessRanks(2, async (world) => {
    using device = wasmDevice();
    using model = decoder(device, smallConfigs.llama);
    await parallelize(model, ProcessGroupMesh.over(world, 2), { gatherLogits: false });
    const options = { device, maxNewTokens: 1 };
    await assert.rejects(generate(model, [1], options), /logits of all 11 tokens, got 6/);
  });
});

Deno.test("generate() refuses options of sampling out of range", async () => {
  using device = wasmDevice();
  using model = decoder(device, smallConfigs.llama);
  const refuses = async (options: object, message: RegExp) => {
    const all = { device, maxNewTokens: 1, ...options };
    await assert.rejects(generate(model, [1], all), { name: "RangeError", message });
  };
  await refuses(
    { sampling: { ...sampling(), topP: 0 } },
    /topP to be above 0 and at most 1, got 0/,
  );
  await refuses({ sampling: { ...sampling(), topP: 1.5 } }, /at most 1, got 1.5/);
  await refuses({ repetitionPenalty: 0 }, /a repetitionPenalty above 0, got 0/);
});
