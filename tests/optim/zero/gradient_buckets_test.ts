// ZeRO stage 2: what travels when, and what a rank keeps.

import assert from "node:assert/strict";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { add } from "../../../src/ops/add.ts";
import { mul } from "../../../src/ops/mul.ts";
import { scale } from "../../../src/ops/scale.ts";
import { sum } from "../../../src/ops/sum.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { backwardOf } from "../../support/optim/sharded_training.ts";
import { onesLike, onRanks, probe, sumOfSquares } from "../../support/optim/stage_2_ranks.ts";

Deno.test("after backward() with ZeRO stage 2 a rank keeps its own rows of gradients, and no others", async () => {
  const shapes = [[64, 32], [8, 16], [128]];
  const numElements = 64 * 32 + 8 * 16 + 128;
  for (const size of [2, 4]) {
    const kept = await onRanks({ size, shapes }, async ({ device, parameters, optim }) => {
      const before = device.statistics().liveBytes;
      for (let batch = 0; batch < 2; batch++) {
        await backwardOf(optim, { gradients: parameters.map(onesLike) });
      }
      const after = device.statistics().liveBytes;
      assert.ok(parameters.every(({ grad }) => grad === undefined));
      optim.zeroGrad();
      assert.equal(device.statistics().liveBytes, before);
      return after - before;
    });
    for (const bytes of kept) assert.equal(bytes, 4 * numElements / size);
  }
});

Deno.test("full gradients are released during backward", async () => {
  const shapes = Array.from({ length: 16 }, () => [64, 64]);
  const bytes = 4 * 64 * 64;
  const heldAt = async (zeroStage: 1 | 2) => {
    const setup = { zeroStage, bucketBytes: bytes };
    const [held] = await onRanks({ size: 2, shapes, setup }, async (fixture) => {
      const { device, parameters, optim } = fixture;
      const before = device.statistics().liveBytes;
      let atFirst = 0;
      const measure = () => atFirst = device.statistics().liveBytes - before;
      using loss = sumOfSquares(parameters, { 0: measure });
      await optim.backward(loss);
      optim.zeroGrad();
      return atFirst / bytes;
    });
    return held;
  };
  // Before the first layer's turn: the gradients of all others; or no more than are on their way and being packed.
  const [whole, bucketed] = [await heldAt(1), await heldAt(2)];
  assert.ok(whole >= 15 && bucketed <= 5, `${whole} and ${bucketed} gradients`);
});

/** The group, with `reduceScatter` replaced. */
function withReduceScatter(
  group: ProcessGroup,
  reduceScatter: ProcessGroup["reduceScatter"],
): ProcessGroup {
  return new Proxy(group, {
    get(target, key) {
      if (key === "reduceScatter") return reduceScatter;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

Deno.test("backward continues while a bucket is under way", async () => {
  const { promise: firstLayerReached, resolve: reachFirstLayer } = Promise.withResolvers<boolean>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<boolean>((resolve) => timer = setTimeout(resolve, 10_000, false));
  const inTime: boolean[] = [];
  // No bucket of rank 0 lands until its backward has reached the first layer.
  const wrap = (group: ProcessGroup) =>
    group.rank !== 0 ? group : withReduceScatter(group, async (values, counts, options) => {
      const part = await group.reduceScatter(values, counts, options);
      inTime.push(await Promise.race([firstLayerReached, tooLate]));
      return part;
    });
  // One bucket per layer: no more may be under way than backward may be ahead.
  const shapes = [[4, 4], [4, 4], [4, 4]];
  await onRanks({ size: 2, shapes, wrap, setup: { bucketBytes: 64 } }, async (fixture) => {
    const { world, parameters, optim } = fixture;
    using loss = sumOfSquares(
      parameters,
      world.rank === 0 ? { 0: () => reachFirstLayer(true) } : {},
    );
    await optim.backward(loss);
    await optim.step();
  });
  clearTimeout(timer);
  assert.deepEqual(inTime, [true, true, true]);
});

Deno.test("kernels on this thread let the sockets move while a bucket is under way", async () => {
  const order: string[] = [];
  const wrap = (group: ProcessGroup) =>
    group.rank !== 0 ? group : withReduceScatter(group, async (values, counts, options) => {
      const part = await group.reduceScatter(values, counts, options);
      order.push("landed");
      return part;
    });
  const shapes = [...Array.from({ length: 40 }, () => [1]), [64]];
  const setup = { bucketBytes: 256 };
  await onRanks({ size: 2, shapes, wrap, setup }, async ({ world, parameters, optim }) => {
    const busy = () => {
      const until = performance.now() + 2;
      while (performance.now() < until);
      if (world.rank === 0) order.push("layer");
    };
    const probes = Object.fromEntries(parameters.map((_, index) => [index, busy]));
    using loss = sumOfSquares(parameters, probes);
    await optim.backward(loss);
  });
  // The vector's bucket, which leaves first, lands long before the other forty layers are through.
  assert.equal(order.filter((each) => each === "landed").length, 2);
  assert.ok(order.indexOf("landed") < 30, `after ${order.indexOf("landed")} of 41 layers`);
});

Deno.test("a parameter that is used twice travels once its gradient is complete", async () => {
  const stages = [];
  for (const zeroStage of [1, 2] as const) {
    const shapes = [[4, 3], [6]];
    const [values] = await onRanks({ size: 2, shapes, setup: { zeroStage } }, async (fixture) => {
      const { world, parameters: [one, two], optim } = fixture;
      const early = sum(scale(mul(one, one), 1 + world.rank));
      const late = sum(mul(probe(one, () => {}), one));
      using loss = add(add(early, sum(two)), late);
      await optim.backward(loss);
      await optim.step();
      const { p0 } = await optim.diagnostics();
      // d/dp of (1 + rank) p^2 + p^2 at 1, averaged over ranks.
      assert.ok(Math.abs(p0.gradientRms - 5) < 1e-6, `${p0.gradientRms}`);
      return [await one.data(), await two.data()];
    });
    stages.push(values);
  }
  assertSameBits(stages[1], stages[0]);
});

Deno.test("gradients of backward() and of loss.backward() add up, and survive a second step", async () => {
  await onRanks({ size: 2, shapes: [[4, 3], [5]] }, async ({ world, parameters, optim }) => {
    const rmsOf = async () => (await optim.diagnostics()).p1.gradientRms;
    const near = (actual: number, expected: number) =>
      assert.ok(Math.abs(actual - expected) < 1e-5 * expected, `${actual} and ${expected}`);
    await backwardOf(optim, { gradients: parameters.map(onesLike), share: 1 + world.rank });
    using outer = Tensor.from(parameters[0].device, [2], { shape: [], requiresGrad: true });
    using loss = mul(sum(add(parameters[1], parameters[1])), outer);
    await loss.backward();
    assert.equal((await outer.grad!.data()).length, 1);
    parameters[0].grad = Tensor.from(parameters[0].device, onesLike(parameters[0]), {
      shape: [4, 3],
    });
    await optim.step();
    near(await rmsOf(), 1.5 + 4);
    assert.equal((await optim.diagnostics()).p1.zeroGradients, 0);
    await optim.step();
    near(await rmsOf(), 1.5 + 4);
    optim.zeroGrad();
    assert.ok(parameters.every(({ grad }) => grad === undefined));
    await assert.rejects(optim.step(), /Cannot step without a gradient of p0, p1/);
    await backwardOf(optim, { gradients: parameters.map(onesLike) });
    await optim.step();
    near(await rmsOf(), 1);
  });
});

Deno.test("a leaf that the optimizer does not have keeps its whole gradient", async () => {
  await onRanks({ size: 2, shapes: [[3]] }, async ({ world, device, parameters: [own], optim }) => {
    using foreign = new Parameter(device, [1, 2, 3], { shape: [3] });
    using loss = scale(sum(mul(own, foreign)), 1 + world.rank);
    await optim.backward(loss);
    assert.equal(own.grad, undefined);
    assertSameBits(await foreign.grad!.data(), new Float32Array(3).fill(1 + world.rank));
  });
});

Deno.test("a parameter that is the loss itself gets its gradient", async () => {
  await onRanks({ size: 2, shapes: [[1]] }, async ({ parameters: [only], optim }) => {
    await optim.backward(only);
    await optim.step();
    assert.equal((await optim.diagnostics()).p0.gradientRms, 1);
  });
});

testOnEachDevice("ZeRO stage 2 gives the bits of stage 1 on each device", async (device) => {
  const shapes = [[5, 6], [9], [4, 3, 2], [17]];
  const train = (zeroStage: 1 | 2) =>
    inProcessRanks(2, async ({ group, rank }) => {
      using scope = new DisposableStack();
      const parameters = shapes.map((shape, index) => {
        const values = Float32Array.from(
          { length: shape.reduce((a, b) => a * b) },
          (_, k) => k + 1,
        );
        return scope.use(new Parameter(device, values, { shape, name: `p${index}` }));
      });
      using optim = new DistributedAdaFactor(parameters);
      optim.setupDistributed({ dataParallelGroup: group, zeroStage, bucketBytes: 128 });
      for (let step = 0; step < 3; step++) {
        const gradients = parameters.map(({ length }) =>
          Float32Array.from({ length }, (_, k) => Math.sin(1 + k + 10 * step + 100 * rank))
        );
        optim.zeroGrad();
        await backwardOf(optim, { gradients });
        await optim.step();
      }
      optim.zeroGrad();
      return await Promise.all(parameters.map((parameter) => parameter.data()));
    });
  const expected = await train(1);
  assertSameBits(await train(2), expected);
  assertSameBits(expected[0], expected[1]);
});
