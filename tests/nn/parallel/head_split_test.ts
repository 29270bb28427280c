// Attention with its heads split over ranks against whole attention: outputs, gradients and training, for numbers of heads that do not
// divide by the number of ranks, for fewer heads of keys than ranks, and for queries, keys and values in one layer.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { HeadRmsNorm } from "../../../src/nn/parallel/head_rms_norm.ts";
import { type Heads, splitHeads } from "../../../src/nn/parallel/head_split.ts";
import { Linear } from "../../../src/nn/linear.ts";
import { Linear1DCol, type Linear1DColOptions } from "../../../src/nn/parallel/linear_1d_col.ts";
import { Linear1DRow } from "../../../src/nn/parallel/linear_1d_row.ts";
import { Module } from "../../../src/nn/module.ts";
import { normalValues } from "../../../src/nn/initial_values.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { RmsNorm } from "../../../src/nn/rms_norm.ts";
import { TransposedLinear } from "../../../src/nn/transposed_linear.ts";
import { attention } from "../../../src/ops/attention.ts";
import { mean } from "../../../src/ops/mean.ts";
import { mul } from "../../../src/ops/mul.ts";
import { reshape } from "../../../src/ops/reshape.ts";
import { slice } from "../../../src/ops/slice.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { type FloatTensor, Tensor } from "../../../src/tensor/tensor.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { randomValues } from "../../support/ops/gradient_check.ts";
import { assertOtherBits, assertSameBits } from "../../support/assert_same_bits.ts";
import {
  assertTrainsAsWhole,
  type Place,
  type Trainable,
} from "../../support/nn/split_training.ts";

const WIDTH = 10;
const HEAD_WIDTH = 4;
const LEADING = [2, 5];

type Layer = Module<FloatTensor>;

interface Layers {
  readonly input: Layer;
  readonly query: Layer | undefined;
  readonly key: Layer | undefined;
  readonly value: Layer | undefined;
  readonly qkv: Layer | undefined;
  readonly keyNorm: Layer;
  readonly output: Layer;
}

/** A layer, attention with a norm of keys, and a loss of its output. */
class Attention extends Module<FloatTensor> implements Trainable {
  readonly input: Layer;
  readonly query: Layer | undefined;
  readonly key: Layer | undefined;
  readonly value: Layer | undefined;
  readonly qkv: Layer | undefined;
  readonly keyNorm: Layer;
  readonly output: Layer;
  readonly #device: Device;

  constructor(device: Device, layers: Layers) {
    super();
    this.#device = device;
    this.input = layers.input;
    this.query = layers.query;
    this.key = layers.key;
    this.value = layers.value;
    this.qkv = layers.qkv;
    this.keyNorm = layers.keyNorm;
    this.output = layers.output;
  }

  override async forward(x: FloatTensor): Promise<Tensor> {
    const hidden = await this.input.forward(x);
    const [query, key, value] = await this.#project(hidden);
    const inHeads = (x: Tensor) => {
      const numHeads = x.shape.at(-1)! / HEAD_WIDTH;
      return reshape(x, [...x.shape.slice(0, -1), numHeads, HEAD_WIDTH]);
    };
    const k = await this.keyNorm.forward(inHeads(key));
    const y = attention(inHeads(query), k, inHeads(value), { visible: "causal" });
    const [batch, length, numHeads] = y.shape;
    return await this.output.forward(reshape(y, [batch, length, numHeads * HEAD_WIDTH]));
  }

  async loss(): Promise<Tensor> {
    const random = new RandomSource(9);
    const x = Tensor.from(this.#device, randomValues(10 * WIDTH, random), {
      shape: [...LEADING, WIDTH],
    });
    const w = Tensor.from(this.#device, randomValues(10 * WIDTH, random), {
      shape: [...LEADING, WIDTH],
    });
    const y = await this.forward(x);
    return mean(mul(mul(y, y), w));
  }

  async #project(x: Tensor): Promise<readonly [Tensor, Tensor, Tensor]> {
    if (this.qkv === undefined) {
      return [
        await this.query!.forward(x),
        await this.key!.forward(x),
        await this.value!.forward(x),
      ];
    }
    const qkv = await this.qkv.forward(x);
    const width = qkv.shape[2] / 3;
    const part = (k: number) => slice(qkv, { dim: 2, begin: k * width, end: (k + 1) * width });
    return [part(0), part(1), part(2)];
  }
}

interface Case extends Pick<Heads, "numHeads" | "numKeyHeads"> {
  readonly kind: "separate" | "fused";
}

function wholeLayers(device: Device, { numHeads, numKeyHeads, kind }: Case) {
  const random = new RandomSource(2);
  const linear = (inFeatures: number, outFeatures: number) =>
    new Linear(device, { inFeatures, outFeatures, random });
  const transposed = (inFeatures: number, outFeatures: number) => {
    const parameter = (shape: number[]) => {
      const values = normalValues(new Layout<never>(shape), random.stream());
      return new Parameter(device, values.map((value) => 0.3 * value), { shape });
    };
    const [weight, bias] = [parameter([inFeatures, outFeatures]), parameter([outFeatures])];
    return new TransposedLinear({ weight, bias });
  };
  const project = kind === "fused" ? transposed : linear;
  const keyWeight = new Parameter(device, [1, 1.2, 0.8, 1.1], { shape: [HEAD_WIDTH] });
  const isFused = kind === "fused";
  return {
    input: linear(WIDTH, WIDTH),
    query: isFused ? undefined : project(WIDTH, numHeads * HEAD_WIDTH),
    key: isFused ? undefined : project(WIDTH, numKeyHeads * HEAD_WIDTH),
    value: isFused ? undefined : project(WIDTH, numKeyHeads * HEAD_WIDTH),
    qkv: isFused ? project(WIDTH, 3 * numHeads * HEAD_WIDTH) : undefined,
    keyNorm: new RmsNorm({ weight: keyWeight, eps: 1e-5 }),
    output: project(numHeads * HEAD_WIDTH, WIDTH),
  };
}

async function splitLayers(
  device: Device,
  { mesh, group }: Place,
  { overlap, ...sizes }: Case & { readonly overlap: boolean },
) {
  const whole = wholeLayers(device, sizes);
  const split = await splitHeads({ ...sizes, headWidth: HEAD_WIDTH }, { mesh, axis: 0 });
  const col = (layer: Linear | TransposedLinear | undefined, options: Linear1DColOptions) =>
    layer && Linear1DCol.fromNativeModule(layer, { ...options, overlap });
  return {
    input: whole.input,
    query: col(whole.query, split.query),
    key: col(whole.key, split.keyValue),
    value: col(whole.value, split.keyValue),
    qkv: whole.qkv && col(whole.qkv, split.fused!),
    keyNorm: HeadRmsNorm.fromNativeModule(whole.keyNorm, { processGroup: group }),
    output: Linear1DRow.fromNativeModule(whole.output, split.output),
  };
}

const CASES: readonly (readonly [Case["kind"], number, number, readonly (readonly number[])[]])[] =
  [
    ["separate", 4, 4, [[2, 1], [4, 1], [2, 2]]],
    ["separate", 5, 5, [[2, 1], [4, 1]]],
    ["separate", 6, 3, [[2, 1], [2, 2]]],
    ["separate", 4, 2, [[4, 1], [2, 2]]],
    ["separate", 6, 2, [[2, 1], [6, 1]]],
    ["separate", 4, 1, [[2, 1], [4, 1], [2, 2]]],
    ["fused", 4, 4, [[2, 1], [4, 1], [2, 2]]],
    ["fused", 5, 5, [[3, 1], [2, 2]]],
  ];

for (const [kind, numHeads, numKeyHeads, meshes] of CASES) {
  for (const [tensor, zero] of meshes) {
    for (const zeroStage of zero === 1 ? [1] as const : [1, 2] as const) {
      const what = `${numHeads} heads on ${numKeyHeads} of keys, ${kind} layers`;
      Deno.test(`${what}, on tensor ${tensor} x ZeRO ${zero}, stage ${zeroStage}, train as on one rank`, async () => {
        const sizes = { kind, numHeads, numKeyHeads };
        const overlap = zeroStage === 1;
        await assertTrainsAsWhole({
          tensor,
          zero,
          zeroStage,
          whole: (device) => new Attention(device, wholeLayers(device, sizes)),
          split: async (device, place) =>
            new Attention(device, await splitLayers(device, place, { ...sizes, overlap })),
        });
      });
    }
  }
}

Deno.test("a rank's part of a fused layer is that of its heads' queries, keys and values", async () => {
  await inProcessRanks(2, async (world) => {
    using device = wasmDevice();
    const mesh = ProcessGroupMesh.over(world, 2);
    const shape = [1, 12];
    const weight = new Parameter(device, Array.from({ length: 12 }, (_, k) => k), { shape });
    const heads = { numHeads: 2, numKeyHeads: 2, headWidth: 2 };
    const { fused } = await splitHeads(heads, { mesh, axis: 0 });
    const whole = new TransposedLinear({ weight, bias: undefined });
    using layer = Linear1DCol.fromNativeModule(whole, fused!);
    const own = world.rank === 0 ? [0, 1, 4, 5, 8, 9] : [2, 3, 6, 7, 10, 11];
    assertSameBits(await layer.weight.data(), own);
    assert.deepEqual(layer.weight.layout.wholeShape, [1, 12]);
    using x = Tensor.from(device, [1], { shape: [1, 1] });
    using y = await layer.forward(x);
    assertSameBits(await y.data(), own);
  });
});

Deno.test("ranks that hold the same head of keys keep the same bits of it, with and without ZeRO", async () => {
  for (const zero of [1, 2]) {
    const ranks = await inProcessRanks(4 * zero, async (world) => {
      using device = wasmDevice();
      const mesh = ProcessGroupMesh.over(world, 4, zero);
      const group = await mesh.getGroupAlongAxis(0);
      const sizes = { kind: "separate", numHeads: 4, numKeyHeads: 2, overlap: true } as const;
      using model = new Attention(device, await splitLayers(device, { mesh, group }, sizes));
      const named = model.namedParameters();
      using optim = new DistributedAdaFactor([...named.values()], { lr: 0.01 });
      optim.setupDistributed({
        tensorParallelGroup: group,
        dataParallelGroup: await mesh.getGroupAlongAxis(1),
        zeroStage: 2,
      });
      const start = await named.get("key.weight")!.data();
      for (let step = 0; step < 3; step++) {
        using loss = await model.loss();
        await optim.backward(loss);
        await optim.step();
        optim.zeroGrad();
      }
      return { start, end: await named.get("key.weight")!.data(), at: mesh.coordinate(0) };
    });
    for (const { start, end, at } of ranks) {
      assert.ok(end.some((value, k) => value !== start[k]));
      for (const other of ranks) {
        const isReplica = Math.floor(other.at / 2) === Math.floor(at / 2);
        if (isReplica) assertSameBits(other.end, end);
        else assertOtherBits(other.end, end);
      }
    }
  }
});

Deno.test("heads that cannot be split evenly are refused on all ranks", async () => {
  const sizes = [[3, 3], [6, 2], [4, 1]] as const;
  const messages = await inProcessRanks(4, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 4);
    const settled = [];
    for (const [numHeads, numKeyHeads] of sizes) {
      const heads = { numHeads, numKeyHeads, headWidth: 8 };
      settled.push(
        await splitHeads(heads, { mesh, axis: 0 }).then(() => "", ({ message }) => message),
      );
    }
    return settled;
  });
  for (const [first, second, third] of messages) {
    assert.match(first, /Cannot split 3 heads with 3 heads of keys over 4 ranks/);
    assert.match(second, /Cannot split 6 heads with 2 heads of keys over 4 ranks/);
    assert.equal(third, "");
  }
});

Deno.test("layers of parts or with replicas refuse to gather, and layers that do not divide into parts are refused", async () => {
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    await Promise.resolve();
    using whole = new Linear(device, {
      inFeatures: 3,
      outFeatures: 8,
      random: new RandomSource(1),
    });
    const split = (options: object) => () =>
      Linear1DCol.fromNativeModule(whole, { processGroup: group, ...options });
    assert.throws(split({ parts: 2, gatherOutput: true }), { name: "TypeError" });
    assert.throws(split({ parts: 3 }), { name: "RangeError", message: /8 output features/ });
    assert.throws(split({ unit: 3 }), { name: "RangeError", message: /between units of 3/ });
    using layer = split({ parts: 2, unit: 2 })();
    assert.deepEqual(layer.weight.shape, [2, 2, 3]);
  });
});

Deno.test("Linear1DCol gathers, and Linear1DRow splits, features between units", async () => {
  await inProcessRanks(2, async ({ group }) => {
    using device = wasmDevice();
    const random = () => new RandomSource(3);
    const sizes = { inFeatures: 6, outFeatures: 6 };
    using native = new Linear(device, { ...sizes, random: random() });
    using x = Tensor.from(device, randomValues(12, random()), { shape: [2, 6] });
    using expected = await native.forward(x);
    const options = { processGroup: group, unit: 2 };
    using col = Linear1DCol.create(device, {
      ...sizes,
      random: random(),
      ...options,
      gatherOutput: true,
    });
    assert.deepEqual(col.weight.shape, group.rank === 0 ? [4, 6] : [2, 6]);
    using gathered = await col.forward(x);
    assertSameBits(await gathered.data(), await expected.data());
    using row = Linear1DRow.create(device, {
      ...sizes,
      random: random(),
      ...options,
      parallelInput: false,
    });
    using y = await row.forward(x);
    const [actual, wanted] = [await y.data(), await expected.data()];
    assert.ok(wanted.every((value, k) => Math.abs(value - actual[k]) < 1e-6));
  });
});
