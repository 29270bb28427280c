// The promise: whatever the mesh, training goes as on one rank.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Layout } from "../../src/distributed/layout.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { DistributedAdaFactor } from "../../src/optim/distributed_adafactor.ts";
import type { OptimizerOptions } from "../../src/optim/options/parameter_groups.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { withBrokenViews } from "../support/optim/broken_views.ts";
import { initialParameter } from "../support/optim/golden.ts";
import {
  assertEqualsOneRank,
  shardOf,
  train,
  type Training,
} from "../support/optim/sharded_training.ts";

async function assertTrainsAsOneRank(training: Training): Promise<void> {
  const { steps: totalSteps } = training;
  const ranks = await train(training);
  assertEqualsOneRank(ranks, totalSteps === undefined ? { training } : { training, totalSteps });
}

for (
  const [tensor, zero] of [[1, 1], [2, 1], [1, 2], [2, 2], [4, 1], [1, 4], [3, 1], [1, 3], [2, 3]]
) {
  Deno.test(`DistributedAdaFactor on tensor ${tensor} x ZeRO ${zero} equals one rank`, async () => {
    await assertTrainsAsOneRank({ tensor, zero });
  });
}

for (const [tensor, zero] of [[8, 1], [1, 8], [2, 4], [3, 2]]) {
  Deno.test(`DistributedAdaFactor on tensor ${tensor} x ZeRO ${zero} equals one rank over 50 steps`, async () => {
    await assertTrainsAsOneRank({ tensor, zero, steps: 50 });
  });
}

Deno.test("DistributedAdaFactor without ZeRO averages gradients and equals one rank", async () => {
  await assertTrainsAsOneRank({ tensor: 2, zero: 2, useZero: false });
});

const OPTIONS: Readonly<Record<string, OptimizerOptions>> = {
  "torch's, whose f32 eps clamps": { ...presets.torch, weightDecay: 0.1, maximize: true },
  "optax's, which factors no small dims": {
    ...presets.optax,
    factoring: { largestTwo: 32 },
    lr: 0.01,
  },
  // The reference keeps no bf16.
  "big_vision's": { ...presets.bigVision, momentumDtype: "f32", lr: 1e-3 },
  "no factoring": { factoring: "none" },
  "caution, uphill": { cautious: true, beta1: 0.9, maximize: true, weightDecay: 0.01 },
  "caution of updates": { cautious: true, beta1: 0.5, momentumOf: "update", lr: 0.01 },
  CAME: { ...presets.came, lr: 0.003, weightDecay: 0.1 },
  "a global norm": { maxGradientNorm: 0.05, eps: [1e-6, 1e-3] },
  "a ceiling of the scale": { scaleCeiling: 0.02, clipThreshold: 0.5 },
};

for (const [name, options] of Object.entries(OPTIONS)) {
  for (const useZero of [true, false]) {
    Deno.test(`DistributedAdaFactor with ${name} equals one rank, ZeRO ${useZero ? "on" : "off"}`, async () => {
      await assertTrainsAsOneRank({ tensor: 2, zero: 2, useZero, options, gradientDivisor: 3 });
    });
  }
}

Deno.test("a norm that counts replicated parameters more than once fails the test of equality", async () => {
  const Broken = withBrokenViews((_, groups) => ({ groups }));
  // Nothing else adds up over groups.
  const plain = { scaleParameter: false, clipThreshold: "none" } as const;
  const options = { ...plain, maxGradientNorm: 0.05, eps: [1e-6, 1e-3] } as const;
  await assert.rejects(
    assertTrainsAsOneRank({ tensor: 2, zero: 1, options, Optimizer: Broken }),
    { name: "AssertionError", message: /differs by/ },
  );
});

Deno.test("column sums that are not added up over the ZeRO group fail the test of equality", async () => {
  const Broken = withBrokenViews(() => ({ colSumGroups: [] }));
  await assert.rejects(
    assertTrainsAsOneRank({ tensor: 1, zero: 2, Optimizer: Broken }),
    { name: "AssertionError", message: /differs by/ },
  );
});

Deno.test("step() makes as many collectives for 1 parameter as for 12", async () => {
  const counts = [];
  for (const numParameters of [1, 12]) {
    const [traffic] = await inProcessRanks(4, async (world) => {
      const mesh = ProcessGroupMesh.over(world, 2, 2);
      const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
      const dataParallelGroup = await mesh.getGroupAlongAxis(1);
      using device = wasmDevice();
      using scope = new DisposableStack();
      const parameters = Array.from({ length: numParameters }, (_, index) => {
        const layout = new Layout([6, 10], [{ dim: index % 2, group: tensorParallelGroup }]);
        const values = shardOf(initialParameter({ shape: [6, 10] }), layout);
        return scope.use(new Parameter(device, values, { layout, name: `p${index}` }));
      });
      const optim = scope.use(new DistributedAdaFactor(parameters));
      optim.setupDistributed({ tensorParallelGroup, dataParallelGroup });
      for (const parameter of parameters) {
        const { length, shape } = parameter;
        const values = Float32Array.from({ length }, (_, k) => 1 + k);
        parameter.grad = Tensor.from(device, values, { shape });
      }
      await optim.step();
      return optim.lastStep;
    });
    counts.push(traffic);
  }
  // Reduce-scatter, all-gather, and exchanges A and B over each of the two groups.
  assert.deepEqual(counts.map(({ collectives }) => collectives), [6, 6]);
  // 11 further parameters move gradients and values of 30 elements and 8 + 5 sums each at most, on 2-rank groups:
  // no more than 8 bytes an element, and not a header more.
  const further = counts[1].bytesSent - counts[0].bytesSent;
  assert.ok(further > 11 * 4 * 30 && further <= 11 * 8 * (30 + 24), `${further} bytes`);
});
