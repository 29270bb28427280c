// AdamW's options, groups, loss scaling and diagnostics.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { AdamW } from "../../../src/optim/adamw.ts";
import {
  type AdamWOptimizerOptions,
  type AdamWOptions,
  parseAdamWOptions,
} from "../../../src/optim/options/adamw_options.ts";
import { linearSchedule } from "../../../src/optim/options/schedule.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { gradientAt, initialParameter } from "../../support/optim/golden.ts";

Deno.test("AdamW's defaults are torch's", () => {
  const { rate, ...others } = parseAdamWOptions({});
  assert.equal(rate(1), 1e-3);
  assert.deepEqual(others, {
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 0.01,
    maximize: false,
    momentumDtype: "f32",
    masterWeights: false,
    rounding: "nearest",
    seed: 0,
    missingGradients: "error",
  });
});

const REFUSED: readonly (readonly [object, RegExp])[] = [
  [{ lr: -1 }, /lr must be >= 0/],
  [{ lr: 1e39 }, /lr must be >= 0: current value is 1e\+39/],
  [{ betas: [1, 0.9] }, /betas\[0\] must be >= 0 and < 1/],
  [{ betas: [0.9, -0.1] }, /betas\[1\] must be >= 0 and < 1/],
  [{ betas: [0.9] }, /Option betas.1 must be/],
  [{ betas: [0.9, 0.99, 0.999] }, /There is no betas.2: option betas must not have it/],
  [{ betas: [0.9, "0.99"] }, /Option betas.1 must be number, got "0.99"/],
  [{ eps: -1e-8 }, /eps must be >= 1.2e-38/],
  [{ eps: 0 }, /eps must be >= 1.2e-38: current value is 0/],
  [{ eps: 1e-45 }, /eps must be >= 1.2e-38: current value is 1e-45/],
  [{ weightDecay: NaN }, /weightDecay must be/],
  [{ beta1: 0.9 }, /There is no option beta1: there are lr, betas, eps, /],
  [{ momentumDtype: "f16" }, /Option momentumDtype must be/],
  [{ masterWeights: true, rounding: "stochastic" }, /Cannot round stochastically with master/],
  [{ lossScale: 0 }, /lossScale must be > 0/],
  [{ maxGradientNorm: -1 }, /maxGradientNorm must be > 0/],
];

Deno.test("AdamW refuses options that do not exist or are outside their range", () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1, 2], { shape: [2] });
  for (const [options, message] of REFUSED) {
    assert.throws(() => new AdamW([parameter], options as AdamWOptimizerOptions), message);
    if ("lossScale" in options || "maxGradientNorm" in options) continue;
    const group = { ...options as AdamWOptions, parameters: [parameter] };
    assert.throws(() => new AdamW([group]), message);
  }
});

testOnEachDevice(
  "elements whose gradients are 0 stay as they are at the least eps that AdamW takes",
  async (device) => {
    using parameter = new Parameter(device, [1, 2, 3], { shape: [3] });
    using optim = new AdamW([parameter], { lr: 0.1, eps: 1.2e-38, weightDecay: 0 });
    for (let step = 0; step < 3; step++) {
      parameter.grad = Tensor.from(device, [0, 1, 0], { shape: [3] });
      await optim.step();
    }
    parameter.zeroGrad();
    const [first, second, third] = await parameter.data();
    assert.deepEqual([first, third], [1, 3]);
    assert.ok(second < 1.8 && second > 1.6, `${second}`);
  },
);

Deno.test("AdamW refuses a schedule that gives NaN, before anything has changed", async () => {
  using device = wasmDevice();
  using parameter = await parameterWithGradient(device);
  using optim = new AdamW([parameter], { lr: (step) => step === 2 ? NaN : 0.1 });
  await optim.step();
  const [before, state] = [await parameter.data(), await optim.stateDict()];
  await assert.rejects(optim.step(), /lr\(2\) must be >= 0/);
  assertSameBits(await parameter.data(), before);
  assertSameBits(await optim.stateDict(), state);
});

testOnEachDevice(
  "groups of AdamW step by their own options, and skip what has no gradient",
  async (device) => {
    using first = await parameterWithGradient(device);
    using second = await parameterWithGradient(device);
    using idle = new Parameter(device, [1, 2, 3], { shape: [3] });
    using alone = await parameterWithGradient(device);
    using optim = new AdamW([
      { parameters: [first], lr: 0.1, betas: [0.5, 0.5] },
      second,
      { parameters: [idle], missingGradients: "skip" },
    ], { lr: 0.01, weightDecay: 0 });
    using other = new AdamW([alone], { lr: 0.01, weightDecay: 0 });
    const start = await first.data();
    for (let step = 0; step < 3; step++) {
      await optim.step();
      await other.step();
    }
    assertSameBits(await second.data(), await alone.data());
    assert.deepEqual([...await idle.data()], [1, 2, 3]);
    const [by, than] = [await first.data(), await second.data()]
      .map((values) => Math.hypot(...values.map((value, k) => value - start[k])));
    // The same gradient each time: every step is lr long.
    assert.ok(Math.abs(by / than - 10) < 1e-3, `${by} and ${than}`);
  },
);

testOnEachDevice(
  "with betas of 0 AdamW's step depends on the present gradient alone, however large those before were",
  async (device) => {
    using parameter = new Parameter(device, [1, 2, 3], { shape: [3] });
    using optim = new AdamW([parameter], { lr: 0.5, betas: [0, 0], weightDecay: 0 });
    const after = async (gradient: readonly number[]) => {
      parameter.grad = Tensor.from(device, gradient, { shape: [3] });
      await optim.step();
      return [...await parameter.data()];
    };
    const assertNear = (got: readonly number[], wanted: readonly number[]) =>
      got.forEach((value, k) => assert.ok(Math.abs(value - wanted[k]) < 1e-6, `${got}`));
    assertNear(await after([1e4, -1e4, 1e4]), [0.5, 2.5, 2.5]);
    assertNear(await after([-0.125, 0.125, 0.125]), [1, 2, 2]);
    const { firstMoment, secondMoment } = (await optim.stateDict())["(unnamed)"];
    assert.deepEqual([...firstMoment], [-0.125, 0.125, 0.125]);
    assert.deepEqual([...secondMoment], [0.125 ** 2, 0.125 ** 2, 0.125 ** 2]);
  },
);

testOnEachDevice(
  "a gradient that is not finite changes nothing, and a dynamic loss scale backs off",
  async (device) => {
    using parameter = await parameterWithGradient(device);
    using optim = new AdamW([parameter], { lossScale: "dynamic", masterWeights: true });
    const { shape } = parameter;
    await optim.step();
    const [before, state] = [await parameter.data(), await optim.stateDict()];
    for (const bad of [NaN, Infinity]) {
      parameter.grad = Tensor.from(device, new Float32Array(35).fill(1).fill(bad, 17, 18), {
        shape,
      });
      await optim.step();
      assertSameBits(await parameter.data(), before);
    }
    assert.equal(optim.skippedSteps, 2);
    assert.equal(optim.lossScale, 65536 / 4);
    const after = await optim.stateDict();
    assertSameBits(after["(unnamed)"].secondMoment, state["(unnamed)"].secondMoment);
    using strict = new AdamW([parameter]);
    await assert.rejects(strict.step(), { name: "NonFiniteGradientError" });
    assertSameBits(await parameter.data(), before);
  },
);

testOnEachDevice(
  "AdamW divides and clips gradients as if they had been computed so",
  async (device) => {
    const after = async (factor: number, options: AdamWOptimizerOptions, gradientDivisor = 1) => {
      using parameter = await parameterWithGradient(device, factor);
      using optim = new AdamW([parameter], { eps: 0.01, lr: 0.1, ...options });
      for (let step = 0; step < 2; step++) await optim.step({ gradientDivisor });
      return await parameter.data();
    };
    const norm = Math.hypot(...gradientAt(1, { shape: SHAPE, gradientScale: 0.01 }));
    const plain = await after(1, {});
    assertSameBits(await after(4, {}, 4), plain);
    assertSameBits(await after(8, { lossScale: 8 }), plain);
    assertSameBits(await after(1, { maxGradientNorm: 2 * norm }), plain);
    const clipped = await after(1, { maxGradientNorm: norm / 4 });
    const quarter = await after(1 / 4, {});
    clipped.forEach((value, k) => assert.ok(Math.abs(value - quarter[k]) < 1e-6));
    assert.ok(clipped.some((value, k) => Math.abs(value - plain[k]) > 1e-3));
  },
);

testOnEachDevice(
  "diagnostics() of AdamW reports the step, its size and the gradient",
  async (device) => {
    using parameter = await parameterWithGradient(device);
    const lr = linearSchedule(0.1, { steps: 10 });
    using optim = new AdamW([parameter], { lr, lossScale: 1 });
    await assert.rejects(optim.diagnostics(), /the last step did not take place/);
    await optim.step();
    await optim.step();
    const [found] = Object.values(await optim.diagnostics());
    const gradient = gradientAt(1, { shape: SHAPE, gradientScale: 0.01 });
    const rms = Math.hypot(...gradient) / Math.sqrt(gradient.length);
    assert.equal(found.step, 2);
    assert.equal(found.stepSize, lr(2));
    assert.ok(Math.abs(found.gradientRms - rms) < 1e-6 * rms);
    assert.equal(found.zeroGradients, 0);
  },
);

const SHAPE = [5, 7];

async function parameterWithGradient(device: Device, factor = 1): Promise<Parameter> {
  const parameter = new Parameter(device, initialParameter({ shape: SHAPE }), { shape: SHAPE });
  const gradient = gradientAt(1, { shape: SHAPE, gradientScale: 0.01 });
  const values = Float32Array.from(gradient).map((g) => factor * g);
  parameter.grad = await Promise.resolve(Tensor.from(device, values, { shape: SHAPE }));
  return parameter;
}
