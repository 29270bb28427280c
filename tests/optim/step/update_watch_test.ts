// Updates that rounding loses are counted and reported once.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { DistributedAdamW } from "../../../src/optim/distributed_adamw.ts";
import { describeLostUpdates, type LostUpdates } from "../../../src/optim/options/lost_updates.ts";
import type { OptimizerOptions } from "../../../src/optim/options/parameter_groups.ts";
import type { FloatType } from "../../../src/tensor/dtype.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { gradientAt } from "../../support/optim/golden.ts";

const SHAPE = [32, 64];
const COUNT = 32 * 64;
const VALUES = Array.from({ length: COUNT }, (_, k) => Math.cos(0.7 * k * k));
/** Half of the rows have none. */
const gradientOf = (step: number) =>
  gradientAt(step, { shape: SHAPE, gradientScale: 0.01 }).map((g, k) => k < COUNT / 2 ? 0 : g);

/** What was reported in 12 steps, and the share of elements with a gradient that stood still in step 3. */
async function train(device: Device, dtype: FloatType, options: OptimizerOptions) {
  const reports: LostUpdates[] = [];
  using parameter = new Parameter(device, VALUES, { shape: SHAPE, dtype, name: "weight" });
  using optim = new Adafactor([parameter], {
    scaleParameter: false,
    ...options,
    onLostUpdates: (lost) => reports.push(lost),
  });
  let share = NaN;
  for (let step = 1; step <= 12; step++) {
    const gradient = gradientOf(step);
    parameter.grad = Tensor.from(device, gradient, { shape: SHAPE });
    const before = await parameter.data();
    await optim.step();
    const after = await parameter.data();
    const still = after.filter((value, k) => gradient[k] !== 0 && value === before[k]).length;
    if (step === 3) share = still / gradient.filter((value) => value !== 0).length;
  }
  parameter.zeroGrad();
  return { reports, share };
}

testOnEachDevice(
  "at a rate of 1e-4 most updates of bf16 are lost, which is reported once with their share",
  async (device) => {
    const { reports, share } = await train(device, "bf16", { lr: 1e-4 });
    assert.ok(share > 0.9, `${share}`);
    assert.deepEqual(reports, [{ step: 3, parameter: "weight", dtype: "bf16", share }]);
    assert.match(
      describeLostUpdates(reports[0]),
      /^Step 3 left 9\d\.\d % of weight as it was, .* to bf16: use master weights, stochastic rounding/,
    );
  },
);

testOnEachDevice("nothing is reported where updates are kept", async (device) => {
  const kept: [FloatType, OptimizerOptions][] = [
    ["bf16", { lr: 1e-4, masterWeights: true }],
    ["bf16", { lr: 1e-4, rounding: "stochastic" }],
    ["bf16", { lr: 0.05 }],
    ["f32", { lr: 1e-4 }],
  ];
  for (const [dtype, options] of kept) {
    const { reports, share } = await train(device, dtype, options);
    assert.deepEqual(reports, []);
    // Beside master weights the parameter itself still stands: the master moves.
    if (options.masterWeights !== true && options.rounding === undefined) {
      assert.ok(share < 0.5, `${share}`);
    }
  }
});

Deno.test("every rank looks at its own rows, and by default the first one warns", async () => {
  const warnings: unknown[] = [];
  const { warn } = console;
  console.warn = (text) => warnings.push(text);
  try {
    await inProcessRanks(2, async (world) => {
      const mesh = ProcessGroupMesh.over(world, 1, 2);
      const dataParallelGroup = await mesh.getGroupAlongAxis(1);
      using device = wasmDevice();
      using parameter = new Parameter(device, VALUES, { shape: SHAPE, dtype: "bf16", name: "w" });
      using optim = new DistributedAdamW([parameter], { lr: 1e-4 });
      const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
      optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, zeroStage: 1 });
      for (let step = 1; step <= 10; step++) {
        const gradient = gradientAt(step, { shape: SHAPE, gradientScale: 0.01 });
        parameter.grad = Tensor.from(device, gradient, { shape: SHAPE });
        await optim.step();
      }
      parameter.zeroGrad();
    });
  } finally {
    console.warn = warn;
  }
  assert.equal(warnings.length, 1);
  assert.match(String(warnings[0]), /^Step 3 left 9\d\.\d % of w as it was/);
});
