// The optimizer of a training is that of its flags.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { launch } from "../../src/distributed/launch.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  trainingOptimizer,
  type TrainingOptimizerOptions,
} from "../../src/train/training_optimizer.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { gradientAt, initialParameter } from "../support/optim/golden.ts";

const SHAPE = [6, 10];
const lr = (step: number) => 0.01 / step;
const GIVEN = { beta1: 0.5, weightDecay: 0.1, maxGradientNorm: 0.02 };

/** Values after three steps of an optimizer of one parameter. */
async function train(
  make: (parameter: Parameter) => Promise<Pick<Adafactor, "step"> & Disposable> | AdamW | Adafactor,
): Promise<Float32Array> {
  using device = wasmDevice();
  using parameter = new Parameter(device, initialParameter({ shape: SHAPE }), { shape: SHAPE });
  using optim = await make(parameter);
  for (let step = 1; step <= 3; step++) {
    const gradient = gradientAt(step, { shape: SHAPE, gradientScale: 0.01 });
    parameter.grad = Tensor.from(device, gradient, { shape: SHAPE });
    await optim.step();
  }
  parameter.zeroGrad();
  return await parameter.data();
}

const expected: readonly [
  TrainingOptimizerOptions,
  typeof lr | undefined,
  (parameter: Parameter) => Adafactor | AdamW,
][] = [
  [{}, undefined, (p) => new Adafactor([p])],
  [{}, lr, (p) => new Adafactor([p], { lr, scaleParameter: false })],
  [GIVEN, lr, (p) => new Adafactor([p], { ...GIVEN, lr, scaleParameter: false })],
  [{ algorithm: "came" }, lr, (p) => new Adafactor([p], { ...presets.came, lr })],
  [
    { ...GIVEN, algorithm: "came" },
    lr,
    (p) => new Adafactor([p], { ...presets.came, ...GIVEN, lr }),
  ],
  [{ algorithm: "adamw" }, lr, (p) => new AdamW([p], { lr })],
  [
    { ...GIVEN, algorithm: "adamw" },
    lr,
    (p) => new AdamW([p], { lr, betas: [0.5, 0.999], weightDecay: 0.1, maxGradientNorm: 0.02 }),
  ],
];

Deno.test("trainingOptimizer() makes each update rule with the options given, and its own defaults", async () => {
  await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
  const mesh = ProcessGroupMesh.over(world, 1, 1);
  const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
  const dataParallelGroup = await mesh.getGroupAlongAxis(1);
  const facts = {
    seed: 0,
    setup: { tensorParallelGroup, dataParallelGroup },
    onLostUpdates: () => {},
  };
  const results: Float32Array[] = [];
  for (const [options, rates, reference] of expected) {
    const values = await train((parameter) =>
      Promise.resolve(trainingOptimizer([parameter], options, { ...facts, lr: rates }))
    );
    assertSameBits(values, await train(reference));
    results.push(values);
  }
  assert.equal(new Set(results.map(String)).size, results.length);
});

Deno.test("trainingOptimizer() refuses CAME and AdamW without a learning rate", async () => {
  await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
  const setup = { tensorParallelGroup: world.group, dataParallelGroup: world.group };
  for (const algorithm of ["came", "adamw"] as const) {
    assert.throws(
      () =>
        trainingOptimizer([], { algorithm }, {
          setup,
          lr: undefined,
          seed: 0,
          onLostUpdates: () => {},
        }),
      {
        name: "TypeError",
        message: `Cannot train by ${algorithm} without a learning rate: give lr`,
      },
    );
  }
});
