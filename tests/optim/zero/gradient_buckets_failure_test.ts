// ZeRO stage 2 when something goes wrong: all ranks learn of it, and nothing is left behind.

import assert from "node:assert/strict";
import type { DistributedSetup } from "../../../src/optim/zero/distributed_setup.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { backwardOf } from "../../support/optim/sharded_training.ts";

import { onesLike, onRanks, sumOfSquares } from "../../support/optim/stage_2_ranks.ts";
Deno.test("a parameter that no rank used has no gradient, and one that some used is refused on all", async () => {
  const shapes = [[4, 3], [5], [2, 2]];
  const options = { missingGradients: "skip" } as const;
  const setup = { bucketBytes: 48 };
  const messages = await onRanks({ size: 4, shapes, options, setup }, async (fixture) => {
    const { world, device, parameters, optim } = fixture;
    const [one, two, three] = parameters;
    const before = device.statistics().liveBytes;
    const used = world.rank < 2 ? [one, two] : [one, three];
    const error = await (async () => {
      using loss = sumOfSquares(used);
      await optim.backward(loss);
    })().catch((error) => error);
    assert.equal(device.statistics().liveBytes, before);
    await optim.step();
    assertSameBits(await one.data(), new Float32Array(12).fill(1));

    using loss = sumOfSquares([one, three]);
    await optim.backward(loss);
    await optim.step();
    assertSameBits(await two.data(), new Float32Array(5).fill(1));
    for (const moved of [one, three]) assert.ok((await moved.data()).every((value) => value < 1));
    return error.message;
  });
  for (const message of messages) {
    assert.match(message, /Cannot use gradients as only some ranks have one of p2, p1: every rank/);
  }
});

Deno.test("ranks on which backward fails alike stay in step, and keep no gradient of it", async () => {
  const shapes = [[8, 3], [5], [16], [7]];
  await onRanks({ size: 2, shapes, setup: { bucketBytes: 32 } }, async (fixture) => {
    const { device, parameters, optim } = fixture;
    const gradients = parameters.map(onesLike);
    await backwardOf(optim, { gradients });
    const before = device.statistics().liveBytes;
    const fail = () => {
      throw new RangeError("no gradient today");
    };
    for (const layer of [3, 1, 0]) {
      using loss = sumOfSquares(parameters, { [layer]: fail });
      const held = device.statistics().liveBytes;
      await assert.rejects(optim.backward(loss), { message: "no gradient today" });
      assert.ok(device.statistics().liveBytes < held);
    }
    assert.equal(device.statistics().liveBytes, before);
    await optim.step();
    assert.equal((await optim.diagnostics()).p2.gradientRms, 1);
  });
});

Deno.test("a rank that leaves while buckets are under way ends backward() on every rank with its name", async () => {
  const shapes = Array.from({ length: 6 }, () => [32]);
  const found = await onRanks({ size: 3, shapes, setup: { bucketBytes: 128 } }, async (fixture) => {
    const { world, device, parameters, optim } = fixture;
    const before = device.statistics().liveBytes;
    const leave = () => {
      if (world.rank === 2) world.abort(new Error("out of coffee"));
    };
    const error = await (async () => {
      using loss = sumOfSquares(parameters, { 3: leave });
      await optim.backward(loss);
    })().catch((error) => error);
    return { name: error.name, rank: error.rank, left: device.statistics().liveBytes - before };
  });
  for (const each of found) assert.deepEqual(each, { name: "PeerLostError", rank: 2, left: 0 });
});

Deno.test("calls that would mix up gradients under way are refused", async () => {
  await onRanks({ size: 2, shapes: [[4]] }, async ({ world, parameters, optim }) => {
    using loss = sumOfSquares(parameters);
    const running = optim.backward(loss);
    await assert.rejects(optim.step(), /Cannot start as something else is not finished/);
    await assert.rejects(optim.backward(loss), /Cannot start as something else/);
    assert.throws(() => optim.zeroGrad(), /Cannot start as something else/);
    await running;
    const setup = { dataParallelGroup: world.group };
    assert.throws(
      () => optim.setupDistributed(setup),
      /Cannot set up after the first step or back/,
    );
    optim.zeroGrad();
    optim.setupDistributed(setup);
  });
});

Deno.test("a contradictory setup is refused", async () => {
  await onRanks({ size: 2, shapes: [[4]] }, ({ world: { group }, optim }) => {
    const refuse = (setup: DistributedSetup, message: RegExp, name = "TypeError") =>
      assert.throws(() => optim.setupDistributed(setup), { name, message });
    refuse({ zeroStage: 2, useZero: true }, /useZero true means zeroStage 1, and zeroStage is 2/);
    refuse({ zeroStage: 1, useZero: false }, /useZero false means zeroStage 0, and zeroStage is 1/);
    refuse({ zeroStage: 3 as 2 }, /zeroStage must be 0, 1 or 2, got 3/);
    refuse({ bucketBytes: 0 }, /bucketBytes must be > 0/, "RangeError");
    refuse({ dataParallelGroup: [group, group] }, /one data-parallel group twice/);
    refuse({ dataParallelGroup: group, tensorParallelGroup: group }, /one group for both axes/);
    optim.setupDistributed({ dataParallelGroup: group, zeroStage: 0, useZero: false });
    return Promise.resolve();
  });
});
