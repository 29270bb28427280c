// Models within noGrad(): the same bits as with gradients, much less memory, nothing left; caches outlive it.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { BertMaskedLm } from "../../src/models/bert.ts";
import { KeyValueCache } from "../../src/models/cache/key_value_cache.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import type { PretrainedModel } from "../../src/models/pretrained_model.ts";
import { T5 } from "../../src/models/t5.ts";
import { VitClassifier } from "../../src/models/vit.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { noGrad } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";

type Config = Readonly<Record<string, unknown>>;

/** Logits of two texts or images; the input is made within, so that it belongs to the scope if there is one. */
async function logitsOf(model: PretrainedModel<never>, device: Device): Promise<Tensor> {
  const indices = (of: (at: number) => number) =>
    Tensor.from(device, Uint32Array.from({ length: 10 }, (_, at) => of(at)), { shape: [2, 5] });
  const tokens = indices((at) => 1 + at);
  const mask = indices((at) => at < 8 ? 1 : 0);
  if (model instanceof T5) return await model.forward({ tokens, mask, targets: tokens });
  if (!(model instanceof VitClassifier)) {
    return await (model as PretrainedModel as Decoder | BertMaskedLm).forward({ tokens, mask });
  }
  const pixels = Tensor.from(device, Float32Array.from({ length: 140 }, Math.sin), {
    shape: [2, 2, 5, 7],
  });
  return await model.forward({ pixels });
}

const configs: readonly Config[] = [
  ...Object.values(smallConfigs),
  ...Object.values(smallEncoderConfigs),
];

for (const config of configs) {
  Deno.test(`${config.model_type}: noGrad() gives the same logits and leaves nothing`, async () => {
    using device = wasmDevice();
    using model = newModel(device, config, { random: new RandomSource(1) });
    using recorded = await logitsOf(model, device);
    const wanted = await recorded.data();
    // Tables of positions are made once.
    (await noGrad(() => logitsOf(model, device)))[Symbol.dispose]();
    const before = device.statistics().liveBytes;
    {
      using logits = await noGrad(() => logitsOf(model, device));
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
