// Layers made alike: by a device and sizes, with initial values from one source by default; Sequential, and Dropout in training.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { manualSeed } from "../../src/nn/default_random.ts";
import { Dropout } from "../../src/nn/dropout.ts";
import { Embedding } from "../../src/nn/embedding.ts";
import { LayerNorm } from "../../src/nn/layer_norm.ts";
import { Linear } from "../../src/nn/linear.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { RmsNorm } from "../../src/nn/rms_norm.ts";
import { Sequential } from "../../src/nn/sequential.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { layerNorm } from "../../src/ops/norm.ts";
import { mul } from "../../src/ops/mul.ts";
import { sum } from "../../src/ops/sum.ts";
import { recompute } from "../../src/tensor/recompute.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { training } from "../../src/tensor/training_scope.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";

Deno.test("layers made without a source take one of the process, which begins with seed 0", async () => {
  using device = wasmDevice();
  const make = (random?: RandomSource) => [
    new Linear(device, { inFeatures: 3, outFeatures: 2, ...random && { random } }),
    new Embedding(device, { numEmbeddings: 4, embeddingDim: 3, ...random && { random } }),
  ];
  const values = async (layers: readonly (Linear | Embedding)[]) =>
    await Promise.all(layers.map(({ weight }) => weight.data()));
  manualSeed(0);
  const first = await values(make());
  assertOtherBits(await values(make()), first);
  assertSameBits(await values(make(new RandomSource(0))), first);
  manualSeed(5);
  assertSameBits(await values(make()), await values(make(new RandomSource(5))));
  assert.throws(() => manualSeed(-1), /seed from 0/);
});

Deno.test("norms are made by a device and their features, or of parameters", async () => {
  using device = wasmDevice();
  using x = Tensor.from(device, [1, 2, 3, 5], { shape: [1, 4] });
  using norm = new LayerNorm(device, { features: 4 });
  using same = new LayerNorm({ weight: norm.weight, bias: norm.bias, eps: 1e-5 });
  using wanted = layerNorm(x, { weight: norm.weight, bias: norm.bias, eps: 1e-5 });
  using y = await norm.forward(x);
  using ofSame = await same.forward(x);
  assertSameBits(await y.data(), await wanted.data());
  assertSameBits(await ofSame.data(), await wanted.data());
  using plain = new LayerNorm(device, { features: 4, bias: false, dtype: "bf16", eps: 1 });
  assert.deepEqual([plain.bias, plain.weight.dtype, plain.eps], [undefined, "bf16", 1]);
  using rms = new RmsNorm(device, { features: 4 });
  assert.equal(rms.eps, 1e-6);
  assertSameBits(await rms.weight.data(), [1, 1, 1, 1]);
  assert.throws(
    () => new RmsNorm(device, { features: 0 }),
    /features to be an integer from 1, got 0/,
  );
});

Deno.test("Sequential applies layers and functions in order", async () => {
  using device = wasmDevice();
  const [up, down] = [[4, 8], [8, 2]].map(([inFeatures, outFeatures]) =>
    new Linear(device, { inFeatures, outFeatures })
  );
  using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
  const before = device.statistics().liveBytes;
  using model = new Sequential([
    up,
    gelu,
    (x) => mul(x, Tensor.from(device, [3], { shape: [1, 1] })),
    down,
  ]);
  {
    using y = await model.forward(x);
    using hidden = gelu(await up.forward(x));
    using wanted = await down.forward(mul(hidden, 3));
    assertSameBits(await y.data(), await wanted.data());
    assert.deepEqual([...model.namedParameters().keys()], [
      "layers.0.weight",
      "layers.0.bias",
      "layers.3.weight",
      "layers.3.bias",
    ]);
    assert.equal(model.modules().length, 3);
  }
  {
    using loss = sum(await model.forward(x));
    await loss.backward();
  }
  model.zeroGrad();
  // The constant of the function went with its graph.
  assert.equal(device.statistics().liveBytes, before);
  assert.throws(() => new Sequential([]), /at least one layer/);
  assert.throws(() => new Sequential([up, 3 as never]), /got number at 1/);
});

Deno.test("Dropout drops within training() alone, the same for the same step, and again in backward", async () => {
  using device = wasmDevice();
  const layer = new Dropout({ probability: 0.5 });
  const other = new Dropout({ probability: 0.5 });
  assert.notEqual(layer.site, other.site);
  using x = Tensor.from(device, new Float32Array(600).fill(1), {
    shape: [3, 200],
    requiresGrad: true,
  });
  assert.equal(await layer.forward(x), x);
  const drop = async (step: number, of: Dropout, firstRow = 0) => {
    using y = await training({ seed: 1, step, firstRow }, () => of.forward(x));
    return await y.data();
  };
  const dropped = await drop(0, layer);
  assertSameBits(await drop(0, layer), dropped);
  assertOtherBits(await drop(1, layer), dropped);
  assertOtherBits(await drop(0, other), dropped);
  // Rows are those of the whole batch.
  assertSameBits((await drop(0, layer, 1)).subarray(0, 400), dropped.subarray(200));
  using loss = sum(
    await training({ seed: 1, step: 0 }, () => recompute(() => layer.forward(x))),
  );
  await loss.backward();
  assertSameBits(await x.grad!.data(), dropped);
});
