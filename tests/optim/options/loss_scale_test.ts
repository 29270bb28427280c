import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { add } from "../../../src/ops/add.ts";
import { mean } from "../../../src/ops/mean.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import { LossScaler } from "../../../src/optim/options/loss_scaler.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { gradientAt, initialParameter } from "../../support/optim/golden.ts";

Deno.test("a loss scale halves when gradients are not finite and doubles after enough good steps", () => {
  const scaler = new LossScaler({ initialScale: 8, growthInterval: 2 });
  const seen = [];
  for (const isGood of [true, true, true, false, true, true]) {
    if (isGood) scaler.grow();
    else scaler.backOff();
    seen.push(scaler.scale);
  }
  assert.deepEqual(seen, [8, 16, 16, 8, 8, 16]);
  assert.equal(new LossScaler().scale, 65536);
  assert.throws(() => new LossScaler({ backoffFactor: 1 }), /backoffFactor is outside its range/);
  assert.throws(() => new LossScaler({ growthInterval: 0 }), /growthInterval is outside its range/);
});

testOnEachDevice("a fixed loss scale changes gradients and no bit of the step", async (device) => {
  const run = async (options: OptimizerOptions) => {
    using parameter = new Parameter(device, [1, -2, 3, 4, 0.5, -6], { shape: [2, 3] });
    using optim = new Adafactor([parameter], { lr: 0.1, maxGradientNorm: 0.5, ...options });
    for (let step = 0; step < 3; step++) {
      using loss = mean(mul(parameter, parameter));
      await optim.backward(loss);
      await optim.step();
      optim.zeroGrad();
    }
    return await parameter.data();
  };
  const expected = await run({});
  assertOtherBits(expected, Float32Array.of(1, -2, 3, 4, 0.5, -6));
  assertSameBits(await run({ lossScale: 1024 }), expected);
  assertSameBits(await run({ lossScale: "dynamic" }), expected);
});

testOnEachDevice(
  "gradients of 0 leave parameters as they are at any loss scale",
  async (device) => {
    for (const lossScale of [2 ** -100, 2 ** -80, 1, 2 ** 100]) {
      const values = [1, -2, 3, 4, 0.5, -6];
      using parameter = new Parameter(device, values, { shape: [2, 3] });
      using optim = new Adafactor([parameter], { lr: 0.1, lossScale });
      using zeros = Tensor.from(device, new Float32Array(6), { shape: [2, 3] });
      using loss = mean(mul(parameter, zeros));
      await optim.backward(loss);
      await optim.step();
      assertSameBits(await parameter.data(), Float32Array.from(values), `at ${lossScale}`);
    }
  },
);

testOnEachDevice(
  "a loss scale keeps gradients that f16 cannot represent, and a scale too large backs off",
  async (device) => {
    const run = async (options: OptimizerOptions, steps: number) => {
      using parameter = new Parameter(device, new Float32Array(64).fill(1), {
        shape: [8, 8],
        dtype: "f16",
        name: "p",
      });
      // Its gradient is 1e-9 each: below the smallest half.
      using factor = Tensor.from(device, new Float32Array(64).fill(64e-9), { shape: [8, 8] });
      using optim = new Adafactor([parameter], { lr: 0.1, ...options });
      for (let step = 0; step < steps; step++) {
        using loss = mean(mul(parameter, factor));
        await optim.backward(loss);
        await optim.step();
        optim.zeroGrad();
      }
      const state = await optim.stateDict();
      const { skippedSteps, lossScale } = optim;
      return { value: (await parameter.data())[0], skippedSteps, lossScale, state };
    };
    assert.equal((await run({}, 1)).value, 1);
    const scaled = await run({ lossScale: "dynamic" }, 1);
    assert.ok(Math.abs(scaled.value - 0.9) <= 1e-3, `${scaled.value}`);
    // 2^49 1e-9 is beyond 65504: halved four times it is not. Three good steps later it grows again.
    const large = await run({ lossScale: { initialScale: 2 ** 49, growthInterval: 3 } }, 7);
    assert.equal(large.skippedSteps, 4);
    assert.equal(large.lossScale, 2 ** 46);
    assert.deepEqual([large.state.p.step, large.state.p.lossScale], [3, 2 ** 46]);
    assert.equal(large.state.p.lossScaleGoodSteps, 0);
  },
);

Deno.test("a loss scale is saved and loaded with the state", async () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1, 2], { shape: [2], name: "p" });
  const options = { lr: 0.1, lossScale: { initialScale: 4, growthInterval: 2 } };
  using optim = new Adafactor([parameter], options);
  for (const value of [1, 1, 1]) {
    parameter.grad = Tensor.from(device, [value, value], { shape: [2] });
    await optim.step();
  }
  assert.equal(optim.lossScale, 8);
  const state = await optim.stateDict();
  using other = new Adafactor([parameter], options);
  other.loadStateDict(state);
  assert.equal(other.lossScale, 8);
  await other.step();
  assert.equal(other.lossScale, 16);
  parameter.zeroGrad();
});

Deno.test("all ranks skip a step and back off where one of them has a gradient that is not finite", async () => {
  const reported = await inProcessRanks(4, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 2);
    using device = wasmDevice();
    using parameter = new Parameter(device, new Float32Array(12).fill(1), { shape: [4, 3] });
    using optim = new DistributedAdaFactor([parameter], { lossScale: "dynamic" });
    optim.setupDistributed({
      tensorParallelGroup: await mesh.getGroupAlongAxis(0),
      dataParallelGroup: await mesh.getGroupAlongAxis(1),
    });
    const gradient = new Float32Array(12).fill(world.rank === 1 ? Infinity : 1);
    parameter.grad = Tensor.from(device, gradient, { shape: [4, 3] });
    await optim.step();
    parameter.zeroGrad();
    return [optim.lossScale, optim.skippedSteps, (await parameter.data())[0]];
  });
  for (const each of reported) assert.deepEqual(each, [32768, 1, 1]);
});

for (const dtype of ["f16", "bf16"] as const) {
  Deno.test(`gradients in ${dtype} have the same bits, and overflow in the same steps, on one rank and in every stage of ZeRO`, async () => {
    const lossScale = { initialScale: 2 ** 17, growthInterval: 2 };
    const shapes = [[8, 4], [32], [4, 2, 4]];
    const train = async (zeroStage: 0 | 1 | 2 | undefined, microBatches: number) => {
      const size = zeroStage === undefined ? 1 : 2;
      return await inProcessRanks(size, async (world) => {
        using device = wasmDevice();
        using scope = new DisposableStack();
        const parameters = shapes.map((shape, index) =>
          scope.use(
            new Parameter(device, initialParameter({ shape }), { shape, dtype, name: `p${index}` }),
          )
        );
        const options = { lr: 0.02, lossScale, masterWeights: true };
        const optim = scope.use(new DistributedAdaFactor(parameters, options));
        const setup = zeroStage === undefined ? {} : { zeroStage, dataParallelGroup: world.group };
        optim.setupDistributed({ ...setup, bucketBytes: 100 });
        const scales: number[] = [];
        for (let step = 1; step <= 8; step++) {
          for (let batch = 1; batch <= microBatches; batch++) {
            using inner = new DisposableStack();
            const terms = parameters.map((parameter) => {
              const { shape } = parameter;
              const factors = gradientAt(step + batch, { shape, gradientScale: 0.37 });
              return sum(mul(parameter, inner.use(Tensor.from(device, factors, { shape }))));
            });
            using loss = terms.reduce((a, b) => add(a, b));
            await optim.backward(loss);
          }
          await optim.step({ gradientDivisor: microBatches });
          optim.zeroGrad();
          scales.push(optim.lossScale);
        }
        const values = [];
        for (const parameter of parameters) values.push(await parameter.data());
        return { values, scales, skippedSteps: optim.skippedSteps };
      });
    };
    for (const microBatches of [1, 2, 3]) {
      const [alone] = await train(undefined, microBatches);
      if (dtype === "f16") assert.ok(alone.skippedSteps >= 2, `${alone.skippedSteps} skipped`);
      for (const zeroStage of [0, 1, 2] as const) {
        for (const rank of await train(zeroStage, microBatches)) {
          assert.deepEqual(
            rank.scales,
            alone.scales,
            `stage ${zeroStage}, ${microBatches} batches`,
          );
          assertSameBits(rank.values, alone.values);
        }
      }
    }
  });
}

Deno.test("a loss scale must be positive", () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1], { shape: [1] });
  assert.throws(() => new Adafactor([parameter], { lossScale: 0 }), /lossScale must be > 0/);
});
