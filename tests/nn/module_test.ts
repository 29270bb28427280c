import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Embedding } from "../../src/nn/embedding.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Module } from "../../src/nn/module.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { add } from "../../src/ops/add.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { mul } from "../../src/ops/mul.ts";
import { sum } from "../../src/ops/sum.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";

class Block extends Module {
  readonly embedding: Embedding;
  readonly layers: readonly Linear[];
  readonly tied: Parameter;
  readonly parent: Module = this;
  readonly size = 3;

  constructor(embedding: Embedding, layers: readonly Linear[]) {
    super();
    this.embedding = embedding;
    this.layers = layers;
    this.tied = layers[0].weight;
  }

  override async forward(x: Tensor): Promise<Tensor> {
    for (const layer of this.layers) x = gelu(await layer.forward(x));
    return x;
  }
}

Deno.test("a Module finds its parameters by path, in the order of its fields, each once", async () => {
  using device = wasmDevice();
  const before = device.statistics().liveBytes;
  {
    const random = new RandomSource(1);
    using block = new Block(new Embedding(device, { numEmbeddings: 5, embeddingDim: 3, random }), [
      new Linear(device, { inFeatures: 3, outFeatures: 4, random }),
      new Linear(device, { inFeatures: 4, outFeatures: 2, random, bias: false }),
    ]);
    const names = ["embedding.weight", "layers.0.weight", "layers.0.bias", "layers.1.weight"];
    assert.deepEqual([...block.namedParameters().keys()], names);
    assert.deepEqual(block.parameters().map(({ name }) => name), names);
    using x = Tensor.from(device, [1, 2, 3], { shape: [1, 3] });
    using loss = sum(await block.forward(x));
    await loss.backward();
    assert.equal(block.tied.grad!.length, 12);
    block.zeroGrad();
    assert.equal(block.tied.grad, undefined);
  }
  assert.equal(device.statistics().liveBytes, before);
});

Deno.test("a Module finds parameters in Maps, Sets and plain objects, too, but not in other objects", () => {
  using device = wasmDevice();
  const parameter = () => new Parameter(device, [1], { shape: [1] });
  using hidden = parameter();
  class Holder {
    readonly weight = hidden;
  }
  class Containers extends Module {
    readonly heads = new Map([["first", parameter()], ["second", parameter()]]);
    readonly pair = { a: parameter(), deeper: { list: [parameter()] } };
    readonly all = new Set([parameter(), this.pair.a]);
    readonly bare: Record<string, unknown> = Object.assign(Object.create(null), { b: parameter() });
    readonly holder = new Holder();
    readonly nothing = null;

    override forward(x: Tensor): Promise<Tensor> {
      return Promise.resolve(x);
    }
  }
  using model = new Containers();
  model.bare.itself = model.bare;
  assert.deepEqual([...model.namedParameters().keys()], [
    "heads.first",
    "heads.second",
    "pair.a",
    "pair.deeper.list.0",
    "all.0",
    "bare.b",
  ]);
});

Deno.test("buffers are no parameters of a Module, get no gradient and are released with it", async () => {
  using device = wasmDevice();
  const before = device.statistics().liveBytes;
  class Shifted extends Module {
    readonly weight = new Parameter(device, [2, 3], { shape: [2] });
    readonly shift = new Parameter(device, [10, 20], { shape: [2], isBuffer: true });

    override forward(x: Tensor): Promise<Tensor> {
      return Promise.resolve(add(mul(x, this.weight), this.shift));
    }
  }
  {
    using outer = new (class extends Module {
      readonly inner = new Shifted();

      override async forward(x: Tensor): Promise<Tensor> {
        return await this.inner.forward(x);
      }
    })();
    assert.deepEqual([...outer.namedParameters().keys()], ["inner.weight"]);
    assert.deepEqual([...outer.namedBuffers()], [["inner.shift", outer.inner.shift]]);
    assert.equal(outer.inner.shift.name, "inner.shift");
    using x = Tensor.from(device, [1, 1]);
    using loss = sum(await outer.forward(x));
    assert.equal(await loss.item(), 35);
    await loss.backward();
    assert.deepEqual(await outer.inner.weight.grad!.data(), Float32Array.of(1, 1));
    assert.equal(outer.inner.shift.grad, undefined);
    outer.inner.shift.requiresGrad = true;
    assert.equal(outer.inner.shift.requiresGrad, false);
    outer.zeroGrad();
  }
  assert.equal(device.statistics().liveBytes, before);
});

Deno.test("a Linear starts uniformly distributed over +-1 / sqrt(inFeatures), by its seed", async () => {
  using device = wasmDevice();
  const make = (seed: number) =>
    new Linear(device, { inFeatures: 100, outFeatures: 30, random: new RandomSource(seed) });
  using one = make(1);
  using same = make(1);
  using other = make(2);
  const values = await one.weight.data();
  assertSameBits(await same.weight.data(), values);
  assertOtherBits(await other.weight.data(), values);
  assertOtherBits(values.subarray(0, 30), await one.bias!.data());
  assert.ok(values.every((value) => Math.abs(value) <= 0.1));
  const meanSquare = values.reduce((total, value) => total + value * value, 0) / values.length;
  assert.ok(Math.abs(meanSquare - 0.01 / 3) < 0.0003);
});

Deno.test("an Embedding looks up rows of its table", async () => {
  using device = wasmDevice();
  using layer = new Embedding(device, {
    numEmbeddings: 5,
    embeddingDim: 3,
    random: new RandomSource(1),
  });
  using indices = Tensor.from(device, [4, 0], { dtype: "u32" });
  using y = await layer.forward(indices);
  const table = await layer.weight.data();
  assertSameBits(await y.data(), [...table.subarray(12), ...table.subarray(0, 3)]);
});

Deno.test("layers refuse invalid numbers of features, and forward() rejects instead of throwing", async () => {
  using device = wasmDevice();
  const random = new RandomSource(1);
  for (const inFeatures of [0, -1, 1.5, NaN]) {
    assert.throws(() => new Linear(device, { inFeatures, outFeatures: 3, random }), {
      name: "RangeError",
      message: /inFeatures to be an integer from 1/,
    });
  }
  using layer = new Linear(device, { inFeatures: 2, outFeatures: 3, random });
  using x = Tensor.from(device, [1, 2, 3]);
  await assert.rejects(layer.forward(x), { name: "RangeError", message: /\[3\] and \[3, 2\]/ });
});

Deno.test("an empty Embedding is refused", () => {
  using device = wasmDevice();
  const random = new RandomSource(1);
  for (
    const sizes of [{ numEmbeddings: 0, embeddingDim: 3 }, { numEmbeddings: 3, embeddingDim: 1.5 }]
  ) {
    assert.throws(() => new Embedding(device, { ...sizes, random }), {
      name: "RangeError",
      message: /to be a positive integer, got (0|1.5)/,
    });
  }
});
