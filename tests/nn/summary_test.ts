// summary(): a module as a text table.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Module } from "../../src/nn/module.ts";
import { BatchNorm } from "../../src/nn/parallel/batch_norm.ts";
import { Linear1DCol } from "../../src/nn/parallel/linear_1d_col.ts";
import { Sequential } from "../../src/nn/sequential.ts";
import { summary } from "../../src/nn/summary.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";

class Net extends Module {
  constructor(readonly scale: Parameter, readonly body: Sequential, readonly head: Linear) {
    super();
  }

  override async forward(x: Tensor): Promise<Tensor> {
    return await this.head.forward(await this.body.forward(x));
  }
}

Deno.test("a module's tree, shapes, types, counts and bytes are in the table", () => {
  using device = wasmDevice();
  using net = new Net(
    new Parameter(device, [1, 2, 3], { shape: [3] }),
    new Sequential([
      new Linear(device, { inFeatures: 4, outFeatures: 50, dtype: "bf16" }),
      new BatchNorm(device, { features: 50 }),
    ]),
    new Linear(device, { inFeatures: 50, outFeatures: 30, bias: false }),
  );
  net.head.weight.requiresGrad = false;
  const lines = (options = {}) => summary(net, options).split("\n").map((each) => each.trimEnd());
  assert.deepEqual(lines(), [
    "Net                                               1,953",
    "  scale                [3]         f32   trained      3",
    "  body                 Sequential                   450",
    "    layers.0           Linear                       250",
    "      weight           [50, 4]     bf16  trained    200",
    "      bias             [50]        bf16  trained     50",
    "    layers.1           BatchNorm                    200",
    "      weight           [50]        f32   trained     50",
    "      bias             [50]        f32   trained     50",
    "      runningMean      [50]        f32   buffer      50",
    "      runningVariance  [50]        f32   buffer      50",
    "  head                 Linear                     1,500",
    "    weight             [30, 50]    f32   frozen   1,500",
    "",
    "1,853 parameters (353 trained, 1,500 frozen), 100 in buffers",
    "7,312 bytes",
  ]);
  assert.deepEqual(lines({ depth: 1 }), [
    "Net                                1,953",
    "  scale  [3]         f32  trained      3",
    "  body   Sequential                  450",
    "  head   Linear                    1,500",
    "",
    ...lines().slice(-2),
  ]);
  assert.deepEqual(lines({ depth: 0 }), ["Net        1,953", "", ...lines().slice(-2)]);
});

Deno.test("what is used twice is counted once, and modules in Maps and arrays have their paths", () => {
  using device = wasmDevice();
  const layer = new Linear(device, { inFeatures: 2, outFeatures: 2, bias: false });
  class Twice extends Module {
    readonly both = [layer, layer];
    readonly byName = new Map([["also", layer]]);
    readonly tied = layer.weight;
    override async forward(x: Tensor): Promise<Tensor> {
      return await this.both[1].forward(x);
    }
  }
  using twice = new Twice();
  assert.deepEqual([...twice.namedModules()], [["", twice], ["both.0", layer]]);
  const lines = summary(twice).split("\n").map((each) => each.trim().split(/ {2,}/));
  assert.deepEqual(lines, [
    ["Twice", "4"],
    ["both.0", "Linear", "4"],
    ["weight", "[2, 2]", "f32", "trained", "4"],
    [""],
    ["4 parameters (4 trained, 0 frozen), 0 in buffers"],
    ["16 bytes"],
  ]);
});

Deno.test("of what is split, elements are counted over all ranks, and bytes on this one", async () => {
  const texts = await inProcessRanks(2, async (world) => {
    using device = wasmDevice();
    const processGroup = await ProcessGroupMesh.over(world, 2).getGroupAlongAxis(0);
    const whole = new Linear(device, { inFeatures: 4, outFeatures: 5 });
    using split = Linear1DCol.fromNativeModule(whole, { processGroup });
    return summary(split);
  });
  assert.match(texts[0], /weight +\[3, 4\] of \[5, 4\] +f32 +trained +20\n/);
  assert.match(texts[1], /weight +\[2, 4\] of \[5, 4\] +f32 +trained +20\n/);
  const totals = texts.map((text) => text.split("\n").slice(-2));
  const counts = "25 parameters (25 trained, 0 frozen), 0 in buffers";
  assert.deepEqual(totals, [[counts, "60 bytes on this rank"], [counts, "40 bytes on this rank"]]);
});

Deno.test("summary() wants a module, and options that it has", () => {
  using device = wasmDevice();
  using layer = new Linear(device, { inFeatures: 2, outFeatures: 2 });
  assert.throws(() => summary({} as unknown as Linear), /wants a module/);
  assert.throws(() => summary(layer, { deep: 1 } as unknown as { depth: number }), /"deep"/);
  assert.throws(() => summary(layer, { depth: -1 }), /depth to be an integer from 0, got -1/);
});
