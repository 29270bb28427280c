// backwardAndStep() takes the very steps of backward(), step() and zeroGrad(), with a few gradients in memory at a time.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { Decoder } from "../../../src/models/decoder.ts";
import { causalLoss } from "../../../src/models/losses/causal_loss.ts";
import { newModel } from "../../../src/models/new_model.ts";
import { Linear } from "../../../src/nn/linear.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { add } from "../../../src/ops/add.ts";
import { mean } from "../../../src/ops/mean.ts";
import { mul } from "../../../src/ops/mul.ts";
import { scale } from "../../../src/ops/scale.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { AdamW } from "../../../src/optim/adamw.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import { presets } from "../../../src/optim/options/presets.ts";
import { NonFiniteGradientError } from "../../../src/optim/step/non_finite.ts";
import type { FloatType } from "../../../src/tensor/dtype.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import { webgpuTest } from "../../support/device/webgpu_adapter.ts";
import { smallConfigs } from "../../support/models/small_configs.ts";

const TOKENS = Uint32Array.of(3, 1, 4, 1, 5, 9, 2, 6);
/** One parameter at a time, some together, and all of them. */
const SIZES = [1, 512, 2 ** 20];

type Make = (model: Decoder) => Adafactor | AdamW;

const OPTIMIZERS: Readonly<Record<string, { readonly make: Make; readonly dtype?: FloatType }>> = {
  "Adafactor": { make: (model) => new Adafactor(model.parameters()) },
  "a fixed rate": { make: adafactor({ lr: 0.01, scaleParameter: false, lossScale: 8 }) },
  "momentum": { make: adafactor({ beta1: 0.9, weightDecay: 0.1, lr: 0.01 }) },
  "caution": { make: adafactor({ beta1: 0.9, cautious: true, lr: 0.01 }) },
  "CAME": { make: adafactor({ ...presets.came, lr: 0.01 }) },
  "AdamW": { make: (model) => new AdamW(model.parameters(), { lr: 0.01 }) },
  "master weights": { make: adafactor({ lr: 0.01, masterWeights: true }), dtype: "bf16" },
  "stochastic rounding": {
    make: adafactor({ lr: 0.01, rounding: "stochastic", seed: 3 }),
    dtype: "bf16",
  },
};

function adafactor(options: OptimizerOptions): Make {
  return (model) => new Adafactor(model.parameters(), options);
}

for (const [name, { make, dtype = "f32" }] of Object.entries(OPTIMIZERS)) {
  Deno.test(
    `steps in backward have the bits of steps after it, with ${name}`,
    async () => {
      using device = wasmDevice();
      const expected = await trained(device, { make, dtype });
      for (const bytesAtATime of SIZES) {
        assert.deepEqual(await trained(device, { make, dtype, bytesAtATime }), expected);
      }
    },
  );
}

webgpuTest("steps in backward have the bits of steps after it (webgpu)", async () => {
  using device = await requestDevice({ kind: "webgpu" });
  const { make, dtype = "f32" } = OPTIMIZERS["master weights"];
  const expected = await trained(device, { make, dtype });
  assert.deepEqual(await trained(device, { make, dtype, bytesAtATime: 512 }), expected);
});

Deno.test("steps in backward and after it may follow each other", async () => {
  using device = wasmDevice();
  const { make } = OPTIMIZERS.momentum;
  const expected = await trained(device, { make, dtype: "f32" });
  const inTurns = await trained(device, { make, dtype: "f32", bytesAtATime: 512, every: 2 });
  assert.deepEqual(inTurns, expected);
});

/** Weights, losses and what is known of the steps, of four steps of a decoder whose head is the embedding. */
async function trained(
  device: Device,
  { make, dtype, bytesAtATime, every = 1 }: {
    readonly make: Make;
    readonly dtype: FloatType;
    /** In backward, if it is given. */
    readonly bytesAtATime?: number;
    /** In every so manieth step. */
    readonly every?: number;
  },
) {
  const random = new RandomSource(5);
  using model = newModel(device, smallConfigs.gpt2, { random, model: Decoder, dtype });
  // The blocks' gradients are complete together.
  model.recompute = "blocks";
  using optim = make(model);
  assert.ok(optim.canStepInBackward);
  using tokens = Tensor.from(device, TOKENS, { shape: [1, TOKENS.length] });
  const known: unknown[] = [];
  for (let step = 1; step <= 4; step++) {
    using loss = causalLoss(await model.forward({ tokens }), tokens);
    known.push(await loss.item());
    if (bytesAtATime !== undefined && step % every === 0) {
      await optim.backwardAndStep(loss, { bytesAtATime });
    } else {
      await optim.backward(loss);
      await optim.step();
      optim.zeroGrad();
    }
    assert.ok(model.parameters().every(({ grad }) => grad === undefined));
    known.push(await optim.gradientNorm(), await optim.diagnostics());
  }
  const weights = await Promise.all(model.parameters().map((each) => each.bytes()));
  return { known, weights, state: await optim.stateDict() };
}

Deno.test(
  "steps in backward need the memory of some gradients, not of all",
  async () => {
    using device = wasmDevice();
    const peaks: number[] = [];
    for (const inBackward of [true, false]) {
      using scope = new DisposableStack();
      const sizes = { inFeatures: 128, outFeatures: 128, random: new RandomSource(1) };
      const layers = Array.from({ length: 12 }, () => scope.use(new Linear(device, sizes)));
      using optim = new Adafactor(layers.flatMap((layer) => layer.parameters()), { lr: 1e-3 });
      using x = Tensor.from(device, new Float32Array(128).fill(1), { shape: [1, 128] });
      let peak = 0;
      for (let step = 0; step < 2; step++) {
        let y: Tensor = x;
        for (const layer of layers) y = await layer.forward(y);
        using loss = mean(mul(y, y));
        const before = device.statistics().liveBytes;
        if (inBackward) await optim.backwardAndStep(loss, { bytesAtATime: 1 });
        else {
          await optim.backward(loss);
          await optim.step();
          optim.zeroGrad();
        }
        peak = device.statistics().peakBytes - before;
      }
      peaks.push(peak);
    }
    const gradients = 12 * 4 * 128 * 128;
    // The second, that of all gradients, is the larger one, or nothing was measured.
    assert.ok(peaks[0] < 0.4 * gradients && peaks[1] > gradients, `${peaks} of ${gradients}`);
  },
);

Deno.test("a gradient that is not finite is named; what was stepped before stays", async () => {
  using device = wasmDevice();
  using first = new Parameter(device, [1, 2], { shape: [2], name: "first" });
  using last = new Parameter(device, [3, 4], { shape: [2], name: "last" });
  using optim = new Adafactor([first, last], { lr: 0.1, scaleParameter: false });
  // The gradient of `last` is complete before that of `first`.
  const lossOf = (factor: number) => sum(mul(last, scale(mul(first, first), factor)));
  using loss = lossOf(1);
  await optim.backwardAndStep(loss, { bytesAtATime: 1 });
  const before = await last.data();
  using bad = add(sum(scale(mul(first, first), Infinity)), sum(last));
  await assert.rejects(optim.backwardAndStep(bad, { bytesAtATime: 1 }), (error) => {
    assert.ok(error instanceof NonFiniteGradientError);
    assert.deepEqual(error.parameters, ["first"]);
    assert.match(error.message, /complete before were changed/);
    return true;
  });
  assert.notDeepEqual(await last.data(), before);
  assert.ok((await first.data()).every(Number.isFinite));
  assert.deepEqual([first.grad, last.grad], [undefined, undefined]);
  await assert.rejects(optim.diagnostics(), /did not take place/);
  using again = lossOf(1);
  await optim.backwardAndStep(again, { bytesAtATime: 1 });
  assert.equal(Object.keys(await optim.diagnostics()).length, 2);
});

Deno.test("steps in backward are refused where they would not be the same, and change nothing", async () => {
  using device = wasmDevice();
  using weight = new Parameter(device, [1, 2], { shape: [2], name: "weight" });
  using other = new Parameter(device, [1, 2], { shape: [2], name: "other" });
  const refused = async (options: OptimizerOptions, pattern: RegExp, grad?: Tensor) => {
    using optim = new Adafactor([weight, other], { lr: 0.1, ...options });
    weight.grad = grad;
    using loss = sum(mul(weight, weight));
    await assert.rejects(optim.backwardAndStep(loss), pattern);
    weight.zeroGrad();
    assertSameBits(await weight.data(), [1, 2]);
    return optim.canStepInBackward;
  };
  const how = /several ranks, maxGradientNorm, nonFinite: "skip" or a dynamic lossScale/;
  assert.equal(await refused({ maxGradientNorm: 1 }, how), false);
  assert.equal(await refused({ nonFinite: "skip" }, how), false);
  assert.equal(await refused({ lossScale: "dynamic" }, how), false);
  assert.equal(await refused({}, /without a gradient of other/), true);
  const earlier = Tensor.from(device, [1, 1]);
  assert.equal(await refused({}, /gradients of an earlier backward\(\) are there/, earlier), true);
  using before = new DistributedAdaFactor([weight]);
  assert.equal(before.canStepInBackward, false);
  using loss = sum(mul(weight, weight));
  await assert.rejects(before.backwardAndStep(loss), /before setupDistributed/);

  using optim = new Adafactor([weight, other], { lr: 0.1, missingGradients: "skip" });
  using fine = sum(mul(weight, weight));
  await optim.backwardAndStep(fine);
  assertSameBits(await other.data(), [1, 2]);
  assert.notDeepEqual([...await weight.data()], [1, 2]);
});
