import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import { gradientAt, initialParameter } from "../../support/optim/golden.ts";
import { shardOf } from "../../support/optim/sharded_training.ts";

const SHAPE = [6, 10];
const OPTIONS = { lr: 0.5, clipThreshold: 0.5, maxGradientNorm: 0.01 };

/** Two gradients, of which the second has two zero rows and differs in size. */
const GRADIENTS = [1, 2].map((step) =>
  gradientAt(step, { shape: SHAPE, gradientScale: 0.01 * step }).map((g, k) =>
    step === 2 && k < 20 ? 0 : g
  )
);

const rms = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0) / values.length);

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= 1e-5 * Math.abs(expected), `${actual} and ${expected}`);

async function oneRank() {
  using device = wasmDevice();
  using parameter = new Parameter(device, initialParameter({ shape: SHAPE }), {
    shape: SHAPE,
    name: "p",
  });
  using optim = new Adafactor([parameter], OPTIONS);
  await assert.rejects(optim.diagnostics(), /Cannot diagnose as the last step did not take place/);
  const found = [];
  const values = [await parameter.data()];
  for (const gradient of GRADIENTS) {
    parameter.grad = Tensor.from(device, gradient, { shape: SHAPE });
    await optim.step();
    found.push((await optim.diagnostics()).p);
    values.push(await parameter.data());
  }
  optim.zeroGrad();
  assert.equal((await optim.diagnostics()).p.zeroGradients, undefined);
  parameter.grad = Tensor.from(device, new Float32Array(60).fill(NaN), { shape: SHAPE });
  await assert.rejects(optim.step());
  await assert.rejects(optim.diagnostics(), /Cannot diagnose as the last step did not take place/);
  return { found, values };
}

Deno.test("diagnostics() reports the last step", async () => {
  const { found, values } = await oneRank();
  for (const [index, each] of found.entries()) {
    assert.equal(each.step, 1 + index);
    near(each.parameterRms, rms(values[index]));
    near(each.gradientRms, rms(GRADIENTS[index]));
    near(each.stepSize, 0.5 * rms(values[index]));
    near(each.clipFactor, each.updateRms / 0.5);
    assert.ok(each.clipFactor > 1);
    // What was subtracted is the clipped update times the step size.
    const change = values[index + 1].map((value, k) => values[index][k] - value);
    near(rms(change), each.stepSize * each.updateRms / each.clipFactor);
  }
  assert.deepEqual(found.map(({ zeroGradients }) => zeroGradients), [0, 1 / 3]);
});

Deno.test("diagnostics() reports the gradient without the loss scale of the step", async () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, initialParameter({ shape: SHAPE }), {
    shape: SHAPE,
    name: "p",
  });
  const lossScale = { initialScale: 1024, growthInterval: 1 };
  using optim = new Adafactor([parameter], { ...OPTIONS, lossScale });
  for (const [index, gradient] of GRADIENTS.entries()) {
    using factor = Tensor.from(device, gradient, { shape: SHAPE });
    using loss = sum(mul(parameter, factor));
    await optim.backward(loss);
    await optim.step();
    assert.equal(optim.lossScale, 2048 * 2 ** index);
    const { p } = await optim.diagnostics();
    near(p.gradientRms, rms(gradient));
    optim.zeroGrad();
  }
});

for (const zeroStage of [0, 1, 2] as const) {
  Deno.test(`diagnostics() reports the whole parameter on every rank of a mesh, ZeRO stage ${zeroStage}`, async () => {
    const { found } = await oneRank();
    const ranks = await inProcessRanks(4, async (world) => {
      const mesh = ProcessGroupMesh.over(world, 2, 2);
      const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
      using device = wasmDevice();
      const layout = new Layout<ProcessGroup>(SHAPE, [{ dim: 0, group: tensorParallelGroup }]);
      const start = shardOf(initialParameter({ shape: SHAPE }), layout);
      using parameter = new Parameter(device, start, { layout, name: "p" });
      using optim = new DistributedAdaFactor([parameter], OPTIONS);
      optim.setupDistributed({
        tensorParallelGroup,
        dataParallelGroup: await mesh.getGroupAlongAxis(1),
        zeroStage,
      });
      const reported = [];
      for (const gradient of GRADIENTS) {
        const shard = shardOf(gradient, layout);
        parameter.grad = Tensor.from(device, shard, { shape: parameter.shape });
        await optim.step();
        reported.push((await optim.diagnostics()).p);
      }
      return reported;
    });
    for (const reported of ranks) {
      assert.deepEqual(reported, ranks[0]);
      for (const [index, each] of reported.entries()) {
        for (const [key, value] of Object.entries(each)) {
          const expected = found[index][key as keyof typeof each]!;
          if (expected === 0) assert.equal(value, 0);
          else near(value, expected);
        }
      }
    }
  });
}
