import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import type { Device } from "../../../src/device/device.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type {
  OptimizerOptions,
  ParameterGroup,
} from "../../../src/optim/options/parameter_groups.ts";
import { presets } from "../../../src/optim/options/presets.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { assertSameUpdate, gradientAt, initialParameter } from "../../support/optim/golden.ts";
import { shardOf } from "../../support/optim/sharded_training.ts";

const SHAPE = [5, 7];

function makeParameter(device: Device, name: string): Parameter {
  return new Parameter(device, initialParameter({ shape: SHAPE }), { shape: SHAPE, name });
}

function setGradient(parameter: Parameter, { step = 1, scale = 0.01 } = {}): void {
  const values = gradientAt(step, { shape: SHAPE, gradientScale: scale });
  parameter.grad = Tensor.from(parameter.device, values, { shape: SHAPE });
}

/** Values after three steps of one parameter alone. */
async function alone(device: Device, options: OptimizerOptions, scale = 0.01) {
  using parameter = makeParameter(device, "p");
  using optim = new Adafactor([parameter], options);
  for (const step of [1, 2, 3]) {
    setGradient(parameter, { step, scale });
    await optim.step();
  }
  return await parameter.data();
}

Deno.test("an option that is undefined in a group is the optimizer's", async () => {
  using device = wasmDevice();
  using parameter = makeParameter(device, "p");
  const group = { parameters: [parameter], lr: undefined, weightDecay: undefined };
  const options = { lr: 0.5, weightDecay: 0.1 };
  using optim = new Adafactor([group as unknown as ParameterGroup], options);
  for (const step of [1, 2, 3]) {
    setGradient(parameter, { step });
    await optim.step();
  }
  assertSameBits(await parameter.data(), await alone(device, options));
});

testOnEachDevice(
  "parameters of a group move by its options, others by the optimizer's",
  async (device) => {
    using scope = new DisposableStack();
    const [one, two, three] = ["one", "two", "three"].map((name) =>
      scope.use(makeParameter(device, name))
    );
    const shared = { lr: 0.01, weightDecay: 0.1 };
    const groups: (Parameter | ParameterGroup)[] = [
      one,
      { parameters: [two], weightDecay: 0, beta1: 0.9 },
      { parameters: [three], ...presets.torch, lr: 0.3 },
    ];
    using optim = new Adafactor(groups, shared);
    assert.deepEqual(optim.parameters, [one, two, three]);
    for (const step of [1, 2, 3]) {
      for (const parameter of optim.parameters) setGradient(parameter, { step });
      await optim.step();
    }
    const values = [await one.data(), await two.data(), await three.data()];
    assertSameBits(values, [
      await alone(device, shared),
      await alone(device, { lr: 0.01, beta1: 0.9 }),
      await alone(device, { ...shared, ...presets.torch, lr: 0.3 }),
    ]);
    assert.equal(new Set(values.map((each) => each.join())).size, 3);
  },
);

Deno.test("a parameter in two groups, and a group's wrong option, are refused", () => {
  using device = wasmDevice();
  using parameter = makeParameter(device, "p");
  const twice = [parameter, { parameters: [parameter], lr: 0.1 }];
  assert.throws(() => new Adafactor(twice), /Cannot optimize a parameter twice/);
  const wrong = [{ parameters: [parameter], lr: -1 }];
  assert.throws(() => new Adafactor(wrong), /lr must be >= 0/);
  assert.throws(
    () => new Adafactor([parameter], { maxGradientNorm: 0 }),
    /maxGradientNorm must be > 0/,
  );
});

testOnEachDevice(
  "gradients are brought down to the norm of all of them together, and no further",
  async (device) => {
    const gradients = [gradientAt(1, { shape: SHAPE, gradientScale: 1 }), [3, -4]];
    const norm = Math.hypot(...gradients.flat());
    // With a large eps1 the update is nearly proportional to the gradient: its scale shows.
    const options = {
      lr: 1,
      scaleParameter: false,
      eps: [100, 1e-3],
      clipThreshold: "none",
    } as const;
    const run = async (scale: number, extra: OptimizerOptions) => {
      using one = makeParameter(device, "one");
      using two = new Parameter(device, [0, 0], { shape: [2], name: "two" });
      using optim = new Adafactor([one, two], { ...options, ...extra });
      const scaled = gradients.map((gradient) => gradient.map((g) => scale * g));
      one.grad = Tensor.from(device, scaled[0], { shape: SHAPE });
      two.grad = Tensor.from(device, scaled[1]);
      await optim.step();
      return [...await one.data(), ...await two.data()];
    };
    const near = (actual: number[], expected: number[]) =>
      actual.forEach((value, k) => assert.ok(Math.abs(value - expected[k]) <= 1e-6, `${value}`));
    const free = await run(1, {});
    assertSameBits(await run(1, { maxGradientNorm: 1.001 * norm }), free);
    const clipped = await run(1, { maxGradientNorm: norm / 10 });
    near(clipped, await run(0.1, {}));
    near(await run(1000, { maxGradientNorm: norm / 10 }), clipped);
    assert.ok(clipped.some((value, k) => Math.abs(value - free[k]) > 1e-3));
  },
);

testOnEachDevice(
  "gradientDivisor makes the sum of micro-batches their mean, and holds for one step",
  async (device) => {
    using parameter = makeParameter(device, "p");
    using twin = makeParameter(device, "twin");
    const options = { lr: 0.1, eps: [1e-4, 1e-3], beta1: 0.9 } as const;
    using optim = new Adafactor([parameter], options);
    using other = new Adafactor([twin], options);
    for (const divisor of [4, 1, 2]) {
      setGradient(parameter, { scale: 0.01 * divisor });
      setGradient(twin);
      await optim.step({ gradientDivisor: divisor });
      await other.step();
      // Powers of two: to the bit.
      assertSameBits(await parameter.data(), await twin.data());
    }
    await assert.rejects(optim.step({ gradientDivisor: 0 }), /gradientDivisor must be >= 1/);
  },
);

testOnEachDevice(
  'with nonFinite: "skip" a step with NaN changes nothing, is counted, and training goes on',
  async (device) => {
    using parameter = makeParameter(device, "p");
    using optim = new Adafactor([parameter], { nonFinite: "skip", beta1: 0.9, maxGradientNorm: 1 });
    setGradient(parameter);
    await optim.step();
    const before = { values: await parameter.data(), state: await optim.stateDict() };
    parameter.grad = Tensor.from(device, new Float32Array(35).fill(NaN), { shape: SHAPE });
    await optim.step();
    assertSameBits({ values: await parameter.data(), state: await optim.stateDict() }, before);
    assert.equal(optim.skippedSteps, 1);
    setGradient(parameter);
    await optim.step();
    assertOtherBits(await parameter.data(), before.values);
    assert.equal((await optim.stateDict()).p.step, 2);
    assert.equal(optim.skippedSteps, 1);
  },
);

Deno.test("groups, their clipping and skipped steps are the same on a mesh and on one rank", async () => {
  const shapes = [[6, 8], [8, 6], [9]];
  const gradientsOf = (step: number) =>
    shapes.map((shape, index) => gradientAt(step + index, { shape, gradientScale: 0.1 }));
  const optionsOf = ([one, two, three]: Parameter[]): (Parameter | ParameterGroup)[] => [
    one,
    { parameters: [two], ...presets.torch, weightDecay: 0.1 },
    { parameters: [three], cautious: true, beta1: 0.9, factoring: "none" },
  ];
  const shared = { lr: 0.01, maxGradientNorm: 0.1, nonFinite: "skip", eps: [1e-4, 1e-3] } as const;
  /** Steps 1, 2 and 4; at step 3 one element of one rank's gradient is NaN. */
  const train = async (
    parameters: Parameter[],
    { optim, isPoisoned }: { optim: Adafactor; isPoisoned: boolean },
  ) => {
    for (const step of [1, 2, 3, 4]) {
      for (const [index, parameter] of parameters.entries()) {
        const shard = shardOf(gradientsOf(step)[index], parameter.layout);
        if (step === 3 && isPoisoned) shard[0] = NaN;
        parameter.grad = Tensor.from(parameter.device, shard, { shape: parameter.shape });
      }
      await optim.step();
    }
    assert.equal(optim.skippedSteps, 1);
    return await Promise.all(parameters.map((parameter) => parameter.data()));
  };
  const starts = shapes.map((shape) => initialParameter({ shape }));

  using device = wasmDevice();
  using scope = new DisposableStack();
  const whole = shapes.map((shape, index) =>
    scope.use(new Parameter(device, starts[index], { shape }))
  );
  using optim = new Adafactor(optionsOf(whole), shared);
  const expected = await train(whole, { optim, isPoisoned: true });

  await inProcessRanks(4, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 2);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    using device = wasmDevice();
    using scope = new DisposableStack();
    const parameters = shapes.map((shape, index) => {
      const splits = index === 2 ? [] : [{ dim: index, group: tensorParallelGroup }];
      const layout = new Layout<ProcessGroup>(shape, splits);
      return scope.use(new Parameter(device, shardOf(starts[index], layout), { layout }));
    });
    using optim = new DistributedAdaFactor(optionsOf(parameters), shared);
    optim.setupDistributed({
      tensorParallelGroup,
      dataParallelGroup: await mesh.getGroupAlongAxis(1),
    });
    const values = await train(parameters, { optim, isPoisoned: world.rank === 2 });
    for (const [index, { layout }] of parameters.entries()) {
      assertSameUpdate(values[index], shardOf(expected[index], layout), {
        start: shardOf(starts[index], layout),
        steps: 3,
        what: `[${shapes[index]}] on rank ${world.rank}`,
      });
    }
  });
});
