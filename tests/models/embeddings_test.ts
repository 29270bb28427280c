// Embeddings in the place of tokens: those that the model looks up itself give the same bits.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { KeyValueCache } from "../../src/models/cache/key_value_cache.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import { T5 } from "../../src/models/t5.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";

for (const [family, config] of Object.entries(smallConfigs)) {
  Deno.test(`${family}: logits and gradients of embeddings are those of their tokens`, async () => {
    using device = wasmDevice();
    using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
    using tokens = Tensor.from(device, [3, 5, 2, 7, 4, 6], { shape: [2, 3], dtype: "u32" });
    const run = async (embeddings?: Tensor) => {
      using y = await model.forward({ tokens, embeddings });
      const values = await y.data();
      using loss = mean(mul(y, y));
      await loss.backward();
      const gradients = await Promise.all(model.parameters().map(({ grad }) => grad!.data()));
      model.zeroGrad();
      return { values, gradients };
    };
    const plain = await run();
    const given = await run(await model.embed(tokens));
    assertSameBits(given.values, plain.values);
    for (const [k, gradient] of plain.gradients.entries()) {
      assertSameBits(given.gradients[k], gradient);
    }
  });

  Deno.test(`${family} with a cache takes embeddings, and releases them`, async () => {
    using device = wasmDevice();
    using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
    using tokens = Tensor.from(device, [3, 5, 2], { shape: [1, 3], dtype: "u32" });
    const run = async (given: "tokens" | "embeddings") => {
      const before = device.statistics().liveBytes;
      const logits: Float32Array[] = [];
      {
        using cache = new KeyValueCache();
        const width = model.description.tokens.width;
        const embeddings = given === "tokens"
          ? undefined
          : Tensor.from(device, await lookedUp(model, tokens), { shape: [1, 3, width] });
        using first = await model.forward({ tokens, embeddings, cache });
        using next = Tensor.from(device, [7], { shape: [1, 1], dtype: "u32" });
        using second = await model.forward({ tokens: next, cache });
        logits.push(await first.data(), await second.data());
      }
      return { logits, leftBytes: device.statistics().liveBytes - before };
    };
    // The first pass also makes tables of angles, which stay.
    const [plain, given] = [await run("tokens"), await run("embeddings")];
    given.logits.forEach((each, k) => assertSameBits(each, plain.logits[k]));
    assert.equal(given.leftBytes, 0);
  });
}

Deno.test("T5: logits and gradients of embeddings are those of their tokens", async () => {
  using device = wasmDevice();
  using model = newModel(device, smallEncoderConfigs.t5, {
    random: new RandomSource(1),
    model: T5,
  });
  using tokens = Tensor.from(device, [3, 5, 2, 7, 4, 6], { shape: [2, 3], dtype: "u32" });
  using targets = Tensor.from(device, [1, 2], { shape: [2, 1], dtype: "u32" });
  const run = async (embeddings?: Tensor) => {
    using y = await model.forward({ tokens, embeddings, targets });
    const values = await y.data();
    using loss = mean(mul(y, y));
    await loss.backward();
    const gradients = await Promise.all(model.parameters().map(({ grad }) => grad!.data()));
    model.zeroGrad();
    return [values, ...gradients];
  };
  const plain = await run();
  const given = await run(await model.tokens.forward(tokens));
  plain.forEach((each, k) => assertSameBits(given[k], each));
});

Deno.test("embeddings of another shape are refused", async () => {
  using device = wasmDevice();
  using tokens = Tensor.from(device, [3, 5, 2], { shape: [1, 3], dtype: "u32" });
  using embeddings = Tensor.from(device, new Float32Array(16), { shape: [1, 2, 8] });
  using decoder = newModel(device, smallConfigs.gpt2, {
    random: new RandomSource(1),
    model: Decoder,
  });
  const message = /wants embeddings of \[1, 3, 8\], got \[1, 2, 8\]/;
  await assert.rejects(decoder.forward({ tokens, embeddings }), message);
  using t5 = newModel(device, smallEncoderConfigs.t5, { random: new RandomSource(1), model: T5 });
  await assert.rejects(t5.forward({ tokens, embeddings, targets: tokens }), message);
});

async function lookedUp(model: Decoder, tokens: Tensor<"u32">): Promise<Float32Array> {
  using looked = await model.embed(tokens);
  return await looked.data();
}
