// Matrices that are clipped and scaled each by itself: a stack of layers moves as the layers would.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../src/distributed/group.ts";
import { Layout } from "../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../src/optim/distributed_adafactor.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { gradientAt, initialParameter } from "../support/optim/golden.ts";
import { shardOf } from "../support/optim/sharded_training.ts";

const NUM_LAYERS = 3;
const LAYER = [6, 10];
const COUNT = 60;
const STACK = [NUM_LAYERS, ...LAYER];
// Layers of very different sizes, so that one scale for all would be another.
const scaled = (values: readonly number[]) =>
  Float32Array.from(values, (value, k) => value * 10 ** Math.floor(k / COUNT));
const START = scaled(initialParameter({ shape: STACK }));
const gradientOf = (step: number) =>
  scaled(gradientAt(step, { shape: STACK, gradientScale: 1e-3 }));
const OPTIONS = { lr: 0.1, clipThreshold: 0.5, beta1: 0.5, weightDecay: 0.01 };

/** Values after three steps of parameters that follow each other in START. */
async function train(device: Device, shapes: readonly number[][], options: object) {
  using scope = new DisposableStack();
  const countOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  const begins = shapes.map((_, i) => shapes.slice(0, i).reduce((sum, s) => sum + countOf(s), 0));
  const part = (values: Float32Array, i: number) =>
    values.slice(begins[i], begins[i] + countOf(shapes[i]));
  const parameters = shapes.map((shape, i) =>
    scope.use(new Parameter(device, part(START, i), { shape, name: `p${i}` }))
  );
  const optim = scope.use(new Adafactor(parameters, options));
  for (let step = 1; step <= 3; step++) {
    for (const [i, parameter] of parameters.entries()) {
      const { shape } = parameter;
      parameter.grad = Tensor.from(device, part(gradientOf(step), i), { shape });
    }
    await optim.step();
  }
  const diagnostics = await optim.diagnostics();
  const values: number[] = [];
  for (const parameter of parameters) {
    values.push(...await parameter.data());
    parameter.zeroGrad();
  }
  return { values, diagnostics, state: await optim.stateDict() };
}

for (const options of [OPTIONS, { ...presets.came, lr: 0.01 }, { ...OPTIONS, cautious: true }]) {
  testOnEachDevice(
    `a stack of matrices moves as its layers do with perMatrix, bit by bit: ${
      Object.keys(options).at(-1)
    }`,
    async (device) => {
      const layers = Array.from({ length: NUM_LAYERS }, () => LAYER);
      const expected = await train(device, layers, options);
      const got = await train(device, [STACK], { ...options, perMatrix: true });
      assertSameBits(got.values, expected.values);
      const names = ["p0[0]", "p0[1]", "p0[2]"];
      assert.deepEqual(Object.keys(got.diagnostics), names);
      for (const [index, name] of names.entries()) {
        assert.equal(got.diagnostics[name].updateRms, expected.diagnostics[`p${index}`].updateRms);
      }
      // The state is that of a batch of matrices all the same.
      const { rowMeans, colMeans, means } = got.state.p0;
      const together = (key: "rowMeans" | "colMeans" | "means") =>
        Float32Array.from([0, 1, 2].flatMap((index) => [...expected.state[`p${index}`][key]]));
      assertSameBits([rowMeans, colMeans, means], [
        together("rowMeans"),
        together("colMeans"),
        together("means"),
      ]);
      assertOtherBits((await train(device, [STACK], options)).values, expected.values);
    },
  );
}

Deno.test("with perMatrix a training resumes from one rank on a mesh that cuts layers unevenly", async () => {
  using device = wasmDevice();
  const options = { ...OPTIONS, perMatrix: true };
  const alone = await train(device, [STACK], options);
  const ranks = await inProcessRanks(4, async (world) => {
    const mesh = ProcessGroupMesh.over(world, 2, 2);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    using device = wasmDevice();
    const layout = new Layout<ProcessGroup>(STACK, [{ dim: 2, group: tensorParallelGroup }]);
    using parameter = new Parameter(device, shardOf(START, layout), { layout, name: "p0" });
    using optim = new DistributedAdaFactor([parameter], options);
    const dataParallelGroup = await mesh.getGroupAlongAxis(1);
    optim.setupDistributed({ tensorParallelGroup, dataParallelGroup });
    for (let step = 1; step <= 3; step++) {
      const gradient = shardOf(gradientOf(step), layout);
      parameter.grad = Tensor.from(device, gradient, { shape: parameter.shape });
      await optim.step();
    }
    const state = await optim.stateDict();
    optim.loadStateDict(state);
    parameter.zeroGrad();
    return { values: await parameter.data(), layout, state, again: await optim.stateDict() };
  });
  for (const { values, layout, state, again } of ranks) {
    const expected = shardOf(alone.values, layout);
    values.forEach((value, k) => {
      const allowed = 1e-5 * Math.abs(expected[k]) + 1e-9;
      assert.ok(Math.abs(value - expected[k]) <= allowed, `${value}, ${expected[k]}`);
    });
    for (const key of ["rowMeans", "colMeans", "means", "momentum"] as const) {
      state.p0[key]!.forEach((value, k) => {
        const wanted = alone.state.p0[key]![k];
        assert.ok(
          Math.abs(value - wanted) <= 1e-4 * Math.abs(wanted) + 1e-9,
          `${key}: ${value}, ${wanted}`,
        );
      });
    }
    assertSameBits(again, state);
  }
});
