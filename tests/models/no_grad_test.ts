// Models within noGrad(): the same bits as with gradients, much less memory, nothing left; caches outlive it.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { KeyValueCache } from "../../src/models/cache/key_value_cache.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { noGrad, tidy } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";
import { smallLogits } from "../support/models/small_models.ts";

type Config = Readonly<Record<string, unknown>>;

const configs: readonly Config[] = [
  ...Object.values(smallConfigs),
  ...Object.values(smallEncoderConfigs),
];

for (const config of configs) {
  Deno.test(`${config.model_type}: noGrad() gives the same logits and leaves nothing`, async () => {
    using device = wasmDevice();
    using model = newModel(device, config, { random: new RandomSource(1) });
    using recorded = await tidy(() => smallLogits(model));
    const wanted = await recorded.data();
    // Tables of positions are made once.
    (await noGrad(() => smallLogits(model)))[Symbol.dispose]();
    const before = device.statistics().liveBytes;
    {
      using logits = await noGrad(() => smallLogits(model));
      assert.equal(logits.requiresGrad, false);
      assertSameBits(await logits.data(), wanted);
    }
    assert.equal(device.statistics().liveBytes, before);
  });
}

Deno.test("a deep model within noGrad() needs the memory of one block", async () => {
  const config = { ...smallConfigs.llama, num_hidden_layers: 24, intermediate_size: 64 };
  const peak = async (run: <Result>(f: () => Result) => Result) => {
    using device = wasmDevice();
    using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
    using tokens = Tensor.from(device, new Uint32Array(64 * 5), { shape: [64, 5] });
    const before = device.statistics().liveBytes;
    (await run(() => model.forward({ tokens })))[Symbol.dispose]();
    return device.statistics().peakBytes - before;
  };
  const recorded = await peak((f) => f());
  const free = await peak(noGrad);
  assert.ok(free * 6 < recorded, `${free} of ${recorded} bytes`);
});

Deno.test("a cache that is filled within noGrad() serves the calls after it", async () => {
  for (const config of [smallConfigs.llama, smallConfigs.mistral, smallConfigs.gpt2]) {
    using device = wasmDevice();
    using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
    const texts = [[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]];
    const part = (begin: number, end: number) =>
      Tensor.from(device, texts.flatMap((text) => text.slice(begin, end)), {
        dtype: "u32",
        shape: [2, end - begin],
      });
    using whole = await model.forward({ tokens: part(0, 6), logits: "last" });
    using cache = new KeyValueCache();
    for (const [begin, end] of [[0, 3], [3, 4], [4, 5]]) {
      (await noGrad(() => model.forward({ tokens: part(begin, end), cache })))[Symbol.dispose]();
    }
    using last = await model.forward({ tokens: part(5, 6), cache });
    const [got, wanted] = [await last.data(), await whole.data()];
    assert.ok(got.every((value, at) => Math.abs(value - wanted[at]) < 1e-5));
  }
});
