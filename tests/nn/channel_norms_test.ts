// BatchNorm and GroupNorm against their definitions, and BatchNorm over ranks against one rank.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../src/distributed/group.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { BatchNorm } from "../../src/nn/parallel/batch_norm.ts";
import { GroupNorm } from "../../src/nn/group_norm.ts";
import type { Module } from "../../src/nn/module.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { mul } from "../../src/ops/mul.ts";
import { sum } from "../../src/ops/sum.ts";
import type { Parameter } from "../../src/tensor/parameter.ts";
import { recompute } from "../../src/tensor/recompute.ts";
import { elementCount } from "../../src/tensor/shape.ts";
import { type FloatTensor, Tensor } from "../../src/tensor/tensor.ts";
import { training } from "../../src/tensor/training_scope.ts";
import { batchNorm, groupNorm } from "../reference/channel_norms.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { assertWithin, differences, randomValues } from "../support/ops/gradient_check.ts";

const pass = { seed: 1, step: 0 };

type Norm = Module<FloatTensor> & { readonly weight: Parameter; readonly bias: Parameter };

/** Compares y and the gradients of x, weight and bias with those of a reference. */
async function checkNorm(layer: Norm, { shape, reference }: {
  readonly shape: readonly number[];
  readonly reference: (...values: number[][]) => number[];
}): Promise<void> {
  const { weight, bias } = layer;
  const { device } = weight;
  const random = new RandomSource(5);
  const values = [elementCount(shape), weight.length, bias.length].map((n) =>
    randomValues(n, random)
  );
  weight.write(values[1]);
  bias.write(values[2]);
  using x = Tensor.from(device, values[0], { shape, requiresGrad: true });
  const weights = randomValues(x.length, random);
  using w = Tensor.from(device, weights, { shape });
  const y = await training(pass, () => layer.forward(x));
  const tolerance = 1e-5;
  assertWithin(await y.data(), reference(...values), { tolerance, what: "y" });
  using loss = sum(mul(y, w));
  await loss.backward();
  const lossOf = (changed: number[][]) =>
    reference(...changed).reduce((total, value, i) => total + value * weights[i], 0);
  for (const [i, input] of [x, weight, bias].entries()) {
    const what = `gradient of operand ${i}`;
    assertWithin(await input.grad!.data(), differences(lossOf, values, i), { tolerance, what });
  }
}

testOnEachDevice("GroupNorm agrees with its definition, gradients included", async (device) => {
  for (const [batch, channels, positions, groups] of [[2, 6, 5, 3], [1, 4, 1, 1], [3, 2, 7, 2]]) {
    using layer = new GroupNorm(device, { features: channels, groups, eps: 1e-3 });
    const sizes = { channels, positions, groups, eps: 1e-3 };
    await checkNorm(layer, {
      shape: [batch, channels, positions],
      reference: (...values) => groupNorm(values, sizes),
    });
  }
});

testOnEachDevice(
  "BatchNorm in training agrees with its definition, gradients included",
  async (device) => {
    for (const [batch, channels, positions] of [[3, 5, 7], [4, 2, 1], [1, 3, 2]]) {
      using layer = new BatchNorm(device, { features: channels, eps: 1e-3 });
      await checkNorm(layer, {
        shape: positions === 1 ? [batch, channels] : [batch, channels, positions],
        reference: (...values) => batchNorm(values, { channels, positions, eps: 1e-3 }).y,
      });
    }
  },
);

testOnEachDevice("BatchNorm in evaluation uses what training has followed", async (device) => {
  const sizes = { channels: 2, positions: 3, eps: 1e-5 };
  using layer = new BatchNorm(device, { features: 2, momentum: 0.25 });
  const running = { means: [0, 0], variances: [1, 1] };
  const random = new RandomSource(3);
  for (let step = 0; step < 3; step++) {
    const values = randomValues(4 * 2 * 3, random);
    using x = Tensor.from(device, values, { shape: [4, 2, 3] });
    using y = await training({ seed: 1, step }, () => layer.forward(x));
    assert.equal(y.length, 24);
    const { means, variances } = batchNorm([values, [1, 1], [0, 0]], sizes);
    for (const c of [0, 1]) {
      running.means[c] = 0.75 * running.means[c] + 0.25 * means[c];
      running.variances[c] = 0.75 * running.variances[c] + 0.25 * variances[c] * 12 / 11;
    }
  }
  const { runningMean, runningVariance } = layer;
  assertWithin(await runningMean.data(), running.means, { tolerance: 1e-6, what: "mean" });
  assertWithin(await runningVariance.data(), running.variances, {
    tolerance: 1e-6,
    what: "variance",
  });
  const values = [1, 2, 3, 4, 5, 6];
  using x = Tensor.from(device, values, { shape: [1, 2, 3] });
  using y = await layer.forward(x);
  const expected = values.map((value, at) => {
    const c = Math.floor(at / 3);
    return (value - running.means[c]) / Math.sqrt(running.variances[c] + 1e-5);
  });
  assertWithin(await y.data(), expected, { tolerance: 1e-5, what: "y" });
  assert.deepEqual([...layer.namedParameters().keys()], ["weight", "bias"]);
  assert.deepEqual([...layer.namedBuffers().keys()], ["runningMean", "runningVariance"]);
});

Deno.test("BatchNorm that backward computes again follows a batch once", async () => {
  using device = wasmDevice();
  const running: Float32Array[] = [];
  for (const isRecomputed of [false, true]) {
    using layer = new BatchNorm(device, { features: 2 });
    using x = Tensor.from(device, [1, 2, 3, 5], { shape: [2, 2], requiresGrad: true });
    const forward = () => layer.forward(x);
    const y = await training(pass, () => isRecomputed ? recompute(forward) : forward());
    using loss = sum(mul(y, y));
    await loss.backward();
    running.push(await layer.runningMean.data(), await x.grad!.data());
  }
  assertSameBits(running.slice(2), running.slice(0, 2));
});

Deno.test("BatchNorm over a group of ranks has the statistics and gradients of the whole batch", async () => {
  const random = new RandomSource(9);
  const [batch, channels, positions] = [5, 3, 2];
  const shape = [batch, channels, positions];
  const values = randomValues(elementCount(shape), random);
  const weights = randomValues(values.length, random);
  const row = channels * positions;
  /** The loss is the sum over all rows. */
  const run = async (begin: number, end: number, processGroup?: ProcessGroup) => {
    using device = wasmDevice();
    using layer = new BatchNorm(device, {
      features: channels,
      ...(processGroup === undefined ? {} : { processGroup }),
    });
    const part = (of: number[]) => of.slice(begin * row, end * row);
    const shape = [end - begin, channels, positions];
    using x = Tensor.from(device, part(values), { shape, requiresGrad: true });
    using w = Tensor.from(device, part(weights), { shape });
    const y = await training(pass, () => layer.forward(x));
    using loss = sum(mul(y, w));
    await loss.backward();
    return {
      dx: await x.grad!.data(),
      dWeight: await layer.weight.grad!.data(),
      mean: await layer.runningMean.data(),
      variance: await layer.runningVariance.data(),
    };
  };
  const whole = await run(0, batch);
  const parts = await inProcessRanks(2, async (world) => {
    const group = await ProcessGroupMesh.over(world, 2).getGroupAlongAxis(0);
    return world.rank === 0 ? await run(0, 2, group) : await run(2, 5, group);
  });
  const close = { tolerance: 1e-5, what: "of the whole batch" };
  assertWithin(parts.flatMap(({ dx }) => [...dx]), whole.dx, close);
  assertWithin(
    whole.dWeight.map((_, c) => parts[0].dWeight[c] + parts[1].dWeight[c]),
    whole.dWeight,
    close,
  );
  for (const { mean, variance } of parts) {
    assertWithin(mean, whole.mean, close);
    assertWithin(variance, whole.variance, close);
  }
});

Deno.test("BatchNorm and GroupNorm refuse other channels, lone elements and wrong settings", async () => {
  using device = wasmDevice();
  using layer = new BatchNorm(device, { features: 3 });
  using wrong = Tensor.from(device, [1, 2], { shape: [1, 2] });
  await assert.rejects(layer.forward(wrong), {
    name: "RangeError",
    message: /\[B, 3, ...\].*\[1, 2\]/,
  });
  using lone = Tensor.from(device, [1, 2, 3], { shape: [1, 3] });
  await assert.rejects(training(pass, () => layer.forward(lone)), /at least 2 elements/);
  using grouped = new GroupNorm(device, { features: 4, groups: 2 });
  await assert.rejects(grouped.forward(wrong), /GroupNorm wants x of \[B, 4/);
  assert.throws(
    () => new GroupNorm(device, { features: 4, groups: 3 }),
    /divide 4 features, got 3/,
  );
  assert.throws(() => new BatchNorm(device, { features: 0 }), /features to be an integer from 1/);
  assert.throws(() => new BatchNorm(device, { features: 2, momentum: 2 }), /from 0 to 1, got 2/);
});
