import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Layout } from "../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../src/optim/distributed_adafactor.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { gradientAt, initialParameter } from "../support/optim/golden.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

const SHAPE = [5, 7];

function makeParameter(device: Device, name: string): Parameter {
  return new Parameter(device, initialParameter({ shape: SHAPE }), {
    layout: new Layout(SHAPE),
    name,
  });
}

function setGradient(parameter: Parameter, change: (values: number[]) => void = () => {}): void {
  const values = gradientAt(1, { shape: SHAPE, gradientScale: 0.01 });
  change(values);
  parameter.grad = Tensor.from(parameter.device, values, { shape: SHAPE });
}

for (const poison of [NaN, Infinity, -Infinity, 1e30]) {
  testOnEachDevice(
    `step() refuses a gradient with ${poison}, names the parameter and changes nothing`,
    async (device) => {
      using good = makeParameter(device, "good");
      using bad = makeParameter(device, "bad");
      using optim = new Adafactor([good, bad], { beta1: 0.9 });
      for (const parameter of [good, bad]) setGradient(parameter);
      await optim.step();
      const before = [await good.data(), await bad.data()];

      setGradient(bad, (values) => values[17] = poison);
      await assert.rejects(optim.step(), {
        name: "NonFiniteGradientError",
        message: /gradient of bad is NaN or infinite/,
        parameters: ["bad"],
      });
      assertSameBits([await good.data(), await bad.data()], before);

      // The state is as it was too: going on equals never having tried.
      using twin = makeParameter(device, "twin");
      using other = new Adafactor([twin], { beta1: 0.9 });
      setGradient(twin);
      await other.step();
      await other.step();
      setGradient(bad);
      await optim.step();
      assertSameBits(await bad.data(), await twin.data());
      assertOtherBits(await bad.data(), before[1]);
    },
  );
}

Deno.test("a gradient that is not finite on one rank stops all ranks, and they can go on", async () => {
  const messages = await inProcessRanks(4, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 2);
    using device = wasmDevice();
    using whole = makeParameter(device, "whole");
    using other = makeParameter(device, "other");
    using optim = new DistributedAdaFactor([other, whole]);
    optim.setupDistributed({
      tensorParallelGroup: await mesh.getGroupAlongAxis(0),
      dataParallelGroup: await mesh.getGroupAlongAxis(1),
    });
    setGradient(other);
    setGradient(whole, (values) => {
      if (world.rank === 3) values[2] = NaN;
    });
    const before = await whole.data();
    const error = await optim.step().then(() => undefined, (error) => error);
    assertSameBits(await whole.data(), before);
    setGradient(whole);
    await optim.step();
    assertOtherBits(await whole.data(), before);
    return error?.parameters;
  });
  assert.deepEqual(messages, [["whole"], ["whole"], ["whole"], ["whole"]]);
});

Deno.test("step() names the parameters without a gradient, or skips them where missingGradients says so", async () => {
  using device = wasmDevice();
  using first = makeParameter(device, "first");
  using second = makeParameter(device, "second");
  using strict = new Adafactor([first, second]);
  setGradient(first);
  const before = [await first.data(), await second.data()];
  await assert.rejects(strict.step(), {
    name: "TypeError",
    message: /without a gradient of second/,
  });
  assertSameBits([await first.data(), await second.data()], before);

  using lenient = new Adafactor([first, second], { missingGradients: "skip" });
  await lenient.step();
  assertOtherBits(await first.data(), before[0]);
  assertSameBits(await second.data(), before[1]);
});

testOnEachDevice("step() sees values that were written from outside", async (device) => {
  using parameter = makeParameter(device, "p");
  using optim = new Adafactor([parameter]);
  setGradient(parameter);
  await optim.step();
  const larger = Float32Array.from(initialParameter({ shape: SHAPE }), (value) => 100 * value);
  parameter.write(larger);
  await optim.step();
  const moved = rms((await parameter.data()).map((value, k) => value - larger[k]));
  // The step is 1e-2 RMS(p) times an update whose RMS is at most 1: with the old RMS it would be 100 times smaller.
  assert.ok(moved > 0.3 * 1e-2 * rms(larger) && moved <= 1.001e-2 * rms(larger), `moved ${moved}`);
});

testOnEachDevice(
  "all-zero gradients and all-zero rows move nothing and give no NaN",
  async (device) => {
    using parameter = makeParameter(device, "p");
    using optim = new Adafactor([parameter], { lr: 0.1 });
    const before = await parameter.data();
    parameter.grad = Tensor.from(device, new Float32Array(35), { shape: SHAPE });
    await optim.step();
    assertSameBits(await parameter.data(), before);
    setGradient(parameter, (values) => values.fill(0, 0, 7));
    await optim.step();
    const after = await parameter.data();
    assertSameBits(after.slice(0, 7), before.slice(0, 7));
    assert.ok(
      after.slice(7).every((value, k) => Number.isFinite(value) && value !== before[7 + k]),
    );
  },
);

Deno.test("the optimizer gives back all device memory", async () => {
  using device = wasmDevice();
  const before = device.statistics().liveBytes;
  {
    using parameter = makeParameter(device, "p");
    using optim = new Adafactor([parameter], { beta1: 0.9 });
    setGradient(parameter);
    await optim.step();
    const afterOne = device.statistics().liveBytes;
    for (let step = 0; step < 10; step++) await optim.step();
    assert.equal(device.statistics().liveBytes, afterOne);
    assert.ok(afterOne > before);
    optim.zeroGrad();
  }
  assert.equal(device.statistics().liveBytes, before);
});

function rms(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

Deno.test("ranks that lack gradients of different parameters are refused, and those that lack the same go on", async () => {
  for (const useZero of [true, false]) {
    const errors = await inProcessRanks(2, async (world) => {
      const mesh = ProcessGroupMesh.over(world, 1, 2);
      using device = wasmDevice();
      using first = makeParameter(device, "first");
      using second = makeParameter(device, "second");
      using optim = new DistributedAdaFactor([first, second], { missingGradients: "skip" });
      optim.setupDistributed({ dataParallelGroup: await mesh.getGroupAlongAxis(1), useZero });
      setGradient(world.rank === 0 ? first : second);
      const before = [await first.data(), await second.data()];
      const error = await optim.step().then(() => undefined, (error) => error);
      assertSameBits([await first.data(), await second.data()], before);
      optim.zeroGrad();
      await optim.step();
      assertSameBits([await first.data(), await second.data()], before);
      setGradient(second);
      await optim.step();
      assertSameBits(await first.data(), before[0]);
      assertOtherBits(await second.data(), before[1]);
      return error?.message;
    });
    for (const error of errors) {
      assert.match(error, /only some ranks have a gradient of first, second/);
    }
  }
});

Deno.test("step() and backwardAndStep() refuse options that they do not have, by name", async () => {
  using device = wasmDevice();
  using parameter = makeParameter(device, "p");
  using optim = new Adafactor([parameter]);
  setGradient(parameter);
  const before = await parameter.data();
  await assert.rejects(optim.step({ divisor: 2 } as never), {
    name: "TypeError",
    message: /step\(\) has no option "divisor": it has gradientDivisor/,
  });
  using loss = Tensor.from(device, [1], { shape: [], requiresGrad: true });
  await assert.rejects(optim.backwardAndStep(loss, { bytes: 2 } as never), /no option "bytes"/);
  assertSameBits(await parameter.data(), before);
  await optim.step({ gradientDivisor: 2 });
  assertOtherBits(await parameter.data(), before);
});
