// Parameters that are stored longer than they are: pads count for nothing, whatever their gradients, and stay zero.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../src/distributed/group.ts";
import { Layout } from "../../src/distributed/layout.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { gradientAt, initialParameter } from "../support/optim/golden.ts";
import {
  assertEqualsOneRank,
  type Placed,
  shardOf,
  train,
  type Training,
} from "../support/optim/sharded_training.ts";

/** The last shard of the first has pads alone on 4 ranks; the others have some. */
const PADDED: Placed[] = [
  { name: "rows, a shard of pads", shape: [5, 6], paddedShape: [8, 6], cut: 0 },
  { name: "rows", shape: [21, 7], paddedShape: [24, 7], cut: 0 },
  { name: "columns", shape: [7, 21], paddedShape: [7, 24], cut: 1 },
  { name: "the dim in the middle", shape: [3, 10, 5], paddedShape: [3, 12, 5], cut: 1 },
  { name: "rows and columns", shape: [9, 10], paddedShape: [12, 12], cut: 1 },
  { name: "a vector", shape: [21], paddedShape: [24], cut: 0 },
  { name: "whole, with padded columns", shape: [6, 5], paddedShape: [6, 8], cut: undefined },
  { name: "none", shape: [6, 8], cut: 1 },
];

for (const [tensor, zero] of [[2, 1], [4, 1], [2, 2], [1, 2], [1, 4]] as const) {
  for (const zeroStage of zero === 1 ? [1] as const : [0, 1, 2] as const) {
    Deno.test(`padded parameters on tensor ${tensor} x data ${zero} with ZeRO stage ${zeroStage} equal unpadded ones on one rank`, async () => {
      const training: Training = {
        tensor,
        zero,
        zeroStage,
        placed: PADDED,
        steps: 5,
        bucketBytes: 512,
        options: { weightDecay: 0.01, beta1: 0.5, maxGradientNorm: 0.05 },
        ...(zeroStage === 2 ? { microBatches: 2 } : {}),
      };
      const ranks = await train(training);
      assertEqualsOneRank(ranks, { training, totalSteps: 5 });
      // State is that of the unpadded parameter.
      const { state } = ranks[0];
      assert.deepEqual([state.columns.rows, state.columns.cols], [7, 21]);
      assert.ok(state.rows.momentum!.length === 21 * 7 && state.rows.rowMeans.length === 21);
    });
  }
}

testOnEachDevice("pads are ignored on one device too", async (device) => {
  const run = async (paddedShape: number[]) => {
    const layout = new Layout<ProcessGroup>([5, 7], [], { paddedShape });
    const start = shardOf(initialParameter({ shape: [5, 7] }), layout);
    using parameter = new Parameter(device, start, { layout, name: "p" });
    using optim = new Adafactor([parameter], { lr: 0.1, beta1: 0.5 });
    for (const step of [1, 2]) {
      const gradient = shardOf(
        gradientAt(step, { shape: [5, 7], gradientScale: 0.1 }),
        layout,
        NaN,
      );
      parameter.grad = Tensor.from(device, gradient, { shape: paddedShape });
      await optim.step();
    }
    return { values: await parameter.data(), state: await optim.stateDict(), layout };
  };
  const plain = await run([5, 7]);
  for (const paddedShape of [[8, 7], [5, 9], [6, 8]]) {
    const { values, state, layout } = await run(paddedShape);
    assertSameBits(values, shardOf(plain.values, layout));
    assertSameBits(state, plain.state);
  }
});

Deno.test("diagnostics() counts no pads", async () => {
  using device = wasmDevice();
  const layout = new Layout<ProcessGroup>([2, 3], [], { paddedShape: [4, 4] });
  using parameter = new Parameter(device, shardOf([1, 1, 1, 1, 1, 1], layout), {
    layout,
    name: "p",
  });
  using optim = new Adafactor([parameter], { lr: 0.1 });
  const gradient = shardOf([0, 2, 2, 2, 2, 0], layout, 0);
  parameter.grad = Tensor.from(device, gradient, { shape: [4, 4] });
  await optim.step();
  const { p } = await optim.diagnostics();
  assert.equal(p.parameterRms, 1);
  assert.ok(Math.abs(p.gradientRms - Math.sqrt(16 / 6)) < 1e-6);
  assert.ok(Math.abs(p.zeroGradients! - 1 / 3) < 1e-6, `${p.zeroGradients}`);
});

Deno.test("padding that does not fit is refused", () => {
  const group = { rank: 0, size: 4 };
  assert.throws(
    () => new Layout([5, 6], [], { paddedShape: [4, 6] }),
    /Cannot pad \[5,6\] to \[4,6\]/,
  );
  assert.throws(() => new Layout([5, 6], [], { paddedShape: [8] }), /give as many dims/);
  assert.throws(() => new Layout([3], [{ dim: 0, group }]), /as it has only 3 indices/);
  const shards = [0, 1, 2, 3].map((rank) =>
    new Layout([5], [{ dim: 0, group: { rank, size: 4 } }], { paddedShape: [8] })
  );
  assert.deepEqual(shards.map(({ localShape }) => localShape), [[2], [2], [2], [2]]);
  assert.deepEqual(shards.map((layout) => layout.range(0)), [
    { begin: 0, end: 2 },
    { begin: 2, end: 4 },
    { begin: 4, end: 5 },
    { begin: 5, end: 5 },
  ]);

  using device = wasmDevice();
  const layout = new Layout<ProcessGroup>([2, 3, 3], [], { paddedShape: [2, 4, 4] });
  using twice = new Parameter(device, new Float32Array(32), { layout, name: "twice" });
  using optim = new Adafactor([twice]);
  assert.throws(
    () => optim.loadStateDict({}),
    { name: "TypeError", message: /pad one dim besides the first/ },
  );
});
