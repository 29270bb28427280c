// Low-rank additions to linear layers: what they compute, what is trained, merging, and splitting with the layers they belong to.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import { causalLoss } from "../../../src/models/losses/causal_loss.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { parallelize } from "../../../src/models/parallelize.ts";
import { manualSeed } from "../../../src/nn/default_random.ts";
import { Linear } from "../../../src/nn/linear.ts";
import { addLora, type Lora } from "../../../src/nn/lora/add_lora.ts";
import { LoraLinear } from "../../../src/nn/lora/lora_linear.ts";
import { Module } from "../../../src/nn/module.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { Sequential } from "../../../src/nn/sequential.ts";
import { TransposedLinear } from "../../../src/nn/transposed_linear.ts";
import { gelu } from "../../../src/ops/gelu.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { training } from "../../../src/tensor/training_scope.ts";
import { assertClose } from "../../support/assert_close.ts";
import { assertOtherBits, assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { smallConfigs } from "../../support/models/small_configs.ts";

function mlp(device: Device): Sequential {
  const random = new RandomSource(1);
  return new Sequential([
    new Linear(device, { inFeatures: 3, outFeatures: 5, random }),
    gelu,
    new Linear(device, { inFeatures: 5, outFeatures: 2, random, bias: false }),
  ]);
}

/** Gives B values, which begin at 0. */
function fillB(lora: Lora): void {
  for (const { b } of lora.layers.values()) {
    b.weight.write(Float32Array.from({ length: b.weight.length }, (_, i) => Math.sin(i + 1) / 4));
  }
}

testOnEachDevice("an addition begins at 0, then is s B A, and alone is trained", async (device) => {
  using model = mlp(device);
  using x = Tensor.from(device, [1, 2, 3, -1, 0, 1], { shape: [2, 3] });
  using before = await model.forward(x);
  const wanted = await before.data();
  const lora = addLora(model, { rank: 2, alpha: 6, targets: ["layers.0", "2"] });
  using begun = await model.forward(x);
  assertSameBits(await begun.data(), wanted);
  assert.deepEqual(lora.parameters().map(({ name, shape }) => `${name} [${shape}]`), [
    "layers.0.a.weight [2,3]",
    "layers.0.b.weight [5,2]",
    "layers.2.a.weight [2,5]",
    "layers.2.b.weight [2,2]",
  ]);
  fillB(lora);
  const { base, a, b, scale } = lora.layers.get("layers.0")!;
  assert.equal(scale, 3);
  using y = await lora.layers.get("layers.0")!.forward(x);
  using own = await base.forward(x);
  const [yOf, ownOf, aOf, bOf] = await Promise.all(
    [y, own, a.weight, b.weight].map((t) => t.data()),
  );
  const rows = [[1, 2, 3], [-1, 0, 1]];
  const expected = rows.flatMap((row, at) =>
    Array.from({ length: 5 }, (_, o) => {
      const hidden = [0, 1].map((r) => row.reduce((total, v, i) => total + v * aOf[3 * r + i], 0));
      return ownOf[5 * at + o] + 3 * (hidden[0] * bOf[2 * o] + hidden[1] * bOf[2 * o + 1]);
    })
  );
  assertClose(yOf, expected, { ofLargest: 1e-6, largest: 1, name: "y" });
  using output = await model.forward(x);
  using loss = sum(mul(output, output));
  await loss.backward();
  const trained = model.parameters().filter(({ grad }) => grad !== undefined);
  assert.deepEqual(trained, lora.parameters());
});

testOnEachDevice(
  "merged weights compute the same, whatever their layout and type",
  async (device) => {
    for (const dtype of ["f32", "bf16"] as const) {
      for (const isTransposed of [false, true]) {
        const random = new RandomSource(4);
        const linear = new Linear(device, { inFeatures: 3, outFeatures: 4, random, dtype });
        const transposed = new TransposedLinear({
          weight: new Parameter(device, await linear.weight.data(), { shape: [3, 4], dtype }),
          bias: linear.bias,
        });
        using model = new Sequential([isTransposed ? transposed : linear]);
        using x = Tensor.from(device, [1, 2, 3, -1, 0, 1], { shape: [2, 3] });
        const lora = addLora(model, { rank: 2, alpha: 1 });
        fillB(lora);
        using added = await model.forward(x);
        const wanted = await added.data();
        const bits = await (isTransposed ? transposed : linear).weight.data();
        await lora.merge();
        assert.equal(model.layers[0], isTransposed ? transposed : linear);
        assert.deepEqual(model.parameters().map(({ requiresGrad }) => requiresGrad), [true, true]);
        assertOtherBits(await (isTransposed ? transposed : linear).weight.data(), bits);
        using merged = await model.forward(x);
        const ofLargest = dtype === "f32" ? 1e-6 : 2e-2;
        assertClose(await merged.data(), wanted, { ofLargest, largest: 2, name: dtype });
        if (isTransposed) linear.weight[Symbol.dispose]();
        else transposed.weight[Symbol.dispose]();
      }
    }
  },
);

Deno.test("additions are removed without a trace", async () => {
  using device = wasmDevice();
  using model = mlp(device);
  const last = model.layers[2] as Linear;
  last.weight.requiresGrad = false;
  const before = device.statistics().liveBytes;
  const values = await last.weight.data();
  const lora = addLora(model, { rank: 1 });
  fillB(lora);
  lora.remove();
  assert.equal(device.statistics().liveBytes, before);
  assert.equal(model.layers[2], last);
  assertSameBits(await last.weight.data(), values);
  assert.deepEqual(model.parameters().map(({ requiresGrad }) => requiresGrad), [true, true, false]);
});

Deno.test("dropout of additions is that of training() alone", async () => {
  using device = wasmDevice();
  using model = mlp(device);
  const lora = addLora(model, { rank: 2, dropout: 0.5, targets: /0$/ });
  assert.deepEqual([...lora.layers.keys()], ["layers.0"]);
  fillB(lora);
  using x = Tensor.from(device, [1, 2, 3], { shape: [1, 3] });
  const run = async (step?: number) => {
    const forward = () => model.forward(x);
    using y = await (step === undefined ? forward() : training({ seed: 1, step }, forward));
    return await y.data();
  };
  assertSameBits(await run(), await run());
  assertSameBits(await run(3), await run(3));
  const all = await Promise.all([0, 1, 2, 3, 4].map(run));
  assert.ok(new Set(all.map((each) => each.join())).size > 1);
});

Deno.test("layers in arrays, Maps and objects get additions; wrong targets are refused", () => {
  using device = wasmDevice();
  const layer = () => new Linear(device, { inFeatures: 2, outFeatures: 2 });
  class Containers extends Module {
    readonly heads = new Map([["first", layer()]]);
    readonly pair = { a: layer(), list: [layer()] };
    readonly tied = { own: this.pair.a, shared: new Linear(device, this.pair.list[0]) };

    override forward(x: Tensor): Promise<Tensor> {
      return Promise.resolve(x);
    }
  }
  using model = new Containers();
  const lora = addLora(model, { rank: 1 });
  assert.deepEqual([...lora.layers.keys()], ["heads.first", "pair.a"]);
  assert.ok(model.heads.get("first") as unknown instanceof LoraLinear);
  assert.ok(model.pair.a as unknown instanceof LoraLinear);
  assert.equal(model.tied.own, model.pair.a);
  assert.throws(
    () => addLora(model, { rank: 1, targets: ["heads.first"] }),
    /no whole linear layer .* at heads.first/,
  );
  assert.throws(
    () => addLora(model, { rank: 1, targets: ["none"] }),
    /at none; the model has 2, such as pair.list.0/,
  );
  assert.throws(
    () => addLora(model, { rank: 1, targets: ["pair.list.0"] }),
    /weight is that of another module/,
  );
  assert.throws(() => addLora(model, { rank: 0 }), /rank from 1, an integer, got 0/);
  assert.throws(() => addLora(layer(), { rank: 1 }), /wants a model that holds linear layers/);
});

const decoders = ["gpt2", "llama", "falcon", "bloom", "glm", "opt", "phi3", "deepseek_v3"] as const;

for (const family of decoders) {
  Deno.test(`${family}: additions are trained over tensor-parallel and ZeRO ranks as on one`, async () => {
    const run = async (device: Device, mesh?: ProcessGroupMesh) => {
      manualSeed(3);
      using model = newModel(device, smallConfigs[family], {
        random: new RandomSource(1),
        model: Decoder,
      });
      const lora = addLora(model, { rank: 2, alpha: 4 });
      if (mesh !== undefined) await parallelize(model, mesh);
      const options = { lr: 1e-2, relativeStep: false, scaleParameter: false };
      using optim = mesh === undefined
        ? new Adafactor(lora.parameters(), options)
        : new DistributedAdaFactor(lora.parameters(), options);
      if (optim instanceof DistributedAdaFactor) {
        const [tensorParallelGroup, dataParallelGroup] = await Promise.all([
          mesh!.getGroupAlongAxis(0),
          mesh!.getGroupAlongAxis(1),
        ]);
        optim.setupDistributed({ tensorParallelGroup, dataParallelGroup });
      }
      using tokens = Tensor.from(device, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1], {
        dtype: "u32",
        shape: [2, 5],
      });
      const losses: number[] = [];
      const loss = async () => await causalLoss(await model.forward({ tokens }), tokens);
      for (let step = 0; step < 3; step++) {
        using now = await loss();
        losses.push(await now.item());
        await optim.backward(now);
        await optim.step();
        optim.zeroGrad();
      }
      using trained = await loss();
      await lora.merge();
      using merged = await loss();
      losses.push(await trained.item(), await merged.item());
      return losses;
    };
    using device = wasmDevice();
    const wanted = await run(device);
    assert.ok(wanted[3] < wanted[0] - 1e-3, `${wanted}`);
    assert.ok(Math.abs(wanted[4] - wanted[3]) < 1e-5, `${wanted}`);
    const meshes = await inProcessRanks(2, async (world) => {
      using device = wasmDevice();
      return await run(device, ProcessGroupMesh.over(world, 2, 1));
    });
    for (const losses of meshes) {
      assertClose(losses, wanted, { ofLargest: 1e-5, largest: 1, name: family });
    }
  });
}
