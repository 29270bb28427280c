// DistributedAdamW on meshes: with every ZeRO stage as one rank in float64, and given the same gradients bit by bit.

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { DistributedAdamW } from "../../../src/optim/distributed_adamw.ts";
import type { AdamWOptimizerOptions } from "../../../src/optim/options/adamw_options.ts";
import { constantSchedule } from "../../../src/optim/options/schedule.ts";
import { MeshPlacement } from "../../../src/optim/placement/mesh_placement.ts";
import type { DistributedSetup } from "../../../src/optim/zero/distributed_setup.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { webgpuTest } from "../../support/device/webgpu_adapter.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import {
  type DistributedOptimizer,
  testedAdamW,
} from "../../support/optim/distributed_optimizer.ts";
import { initialParameter } from "../../support/optim/golden.ts";
import {
  EVEN_SHAPES,
  evenPlacements,
  numDiffering,
} from "../../support/optim/same_bits_training.ts";
import {
  assertEqualsOneRank,
  placements,
  train,
  type Training,
} from "../../support/optim/sharded_training.ts";

const OPTIONS: AdamWOptimizerOptions = { lr: 0.01, weightDecay: 0.1 };

/** A training whose steps are AdamW's with these options. */
function withAdamW(training: Training, options: AdamWOptimizerOptions = OPTIONS): Training {
  const { maxGradientNorm } = options;
  return {
    ...training,
    tested: testedAdamW(options),
    options: maxGradientNorm === undefined ? {} : { maxGradientNorm },
  };
}

async function assertTrainsAsOneRank(training: Training): Promise<void> {
  const { steps: totalSteps = 20 } = training;
  assertEqualsOneRank(await train({ ...training, steps: totalSteps }), { training, totalSteps });
}

for (
  const [tensor, zero] of [[1, 1], [2, 1], [1, 2], [2, 2], [4, 1], [1, 4], [3, 1], [1, 3], [2, 3]]
) {
  Deno.test(`DistributedAdamW on tensor ${tensor} x ZeRO ${zero} equals one rank`, async () => {
    await assertTrainsAsOneRank(withAdamW({ tensor, zero }));
  });
}

for (const [tensor, zero] of [[1, 2], [2, 2], [4, 2]]) {
  for (const zeroStage of [0, 1, 2] as const) {
    Deno.test(`DistributedAdamW in ZeRO stage ${zeroStage} on tensor ${tensor} x data ${zero} equals one rank`, async () => {
      const training = { tensor, zero, zeroStage, steps: 6, bucketBytes: 1024, microBatches: 2 };
      await assertTrainsAsOneRank(withAdamW(training, { ...OPTIONS, maxGradientNorm: 0.05 }));
    });
  }
}

const OTHERS: Readonly<Record<string, AdamWOptimizerOptions>> = {
  "other betas and eps, uphill": { lr: 0.01, betas: [0.5, 0.9], eps: 1e-4, maximize: true },
  "a global norm": { ...OPTIONS, maxGradientNorm: 0.05 },
  "a schedule": { lr: constantSchedule(0.01, { warmup: 5 }), weightDecay: 0.1 },
  "a loss scale": { ...OPTIONS, lossScale: "dynamic" },
};

for (const [name, options] of Object.entries(OTHERS)) {
  Deno.test(`DistributedAdamW with ${name} equals one rank`, async () => {
    const scaled = options.lossScale === undefined
      ? {}
      : { zeroStage: 2, microBatches: 2 } as const;
    await assertTrainsAsOneRank(
      withAdamW({ tensor: 2, zero: 2, gradientDivisor: 3, ...scaled }, options),
    );
  });
}

Deno.test("DistributedAdamW equals one rank where replicas of ZeRO groups hold the same rows", async () => {
  await assertTrainsAsOneRank(
    withAdamW({ tensor: 1, replicate: 2, zero: 2, zeroStage: 2, microBatches: 1 }),
  );
});

const MESHES = [[2, 1], [1, 2], [2, 2], [4, 1], [1, 4], [4, 2], [2, 4], [1, 8], [8, 1]];
const CLIPPED = testedAdamW({ ...OPTIONS, maxGradientNorm: 0.05 });

for (const [tensor, zero] of MESHES) {
  Deno.test(`AdamW on tensor ${tensor} x ZeRO ${zero} gives the bits of one rank`, async () => {
    const placed = evenPlacements(tensor, EVEN_SHAPES);
    const { optimizer } = CLIPPED;
    assert.equal(await numDiffering({ tensor, zero, placed, optimizer, steps: 20 }), 0);
  });
}

webgpuTest("AdamW on tensor 2 x ZeRO 2 gives the bits of one rank (webgpu)", async () => {
  const placed = evenPlacements(2, [[64, 48], [8, 16, 24], [192]]);
  const run = { tensor: 2, zero: 2, placed, kind: "webgpu", steps: 5 } as const;
  assert.equal(await numDiffering({ ...run, optimizer: CLIPPED.optimizer }), 0);
});

const IN_16_BITS: Readonly<Record<string, AdamWOptimizerOptions>> = {
  "rounded to the nearest": {},
  "beside master weights": { masterWeights: true },
  "rounded at random": { rounding: "stochastic", seed: 5 },
  "with a first moment of 16 bits": { momentumDtype: "bf16", rounding: "stochastic" },
};

for (const [name, options] of Object.entries(IN_16_BITS)) {
  Deno.test(`AdamW's 16-bit parameters ${name} have the bits of one rank on every mesh`, async () => {
    const { optimizer } = testedAdamW({ ...OPTIONS, ...options, maxGradientNorm: 0.05 });
    const typeOf = (index: number) => index % 2 === 0 ? "bf16" : "f16";
    for (const [tensor, zero] of [[2, 2], [1, 4], [4, 1]]) {
      // Shards of even columns, that rounding at random needs no other view on one rank.
      const placed = evenPlacements(tensor, [[64, 48], [128, 40], [8, 16, 24], [192]]);
      assert.equal(await numDiffering({ tensor, zero, placed, optimizer, typeOf, steps: 8 }), 0);
    }
  });

  Deno.test(`AdamW's 16-bit parameters ${name} of odd sizes have the bits of one rank`, async () => {
    // Without a norm all elements are stepped by themselves: no sum matters.
    const { optimizer } = testedAdamW({ ...OPTIONS, ...options });
    const placed = [[5, 7], [33, 65], [9], [3, 4, 6]].map((shape) => ({
      name: `${shape}`,
      shape,
      cut: undefined,
    }));
    const typeOf = () => "bf16" as const;
    for (const zeroStage of [0, 1, 2] as const) {
      const run = { tensor: 1, zero: 2, zeroStage, placed, optimizer, typeOf, steps: 8 };
      assert.equal(await numDiffering(run), 0);
    }
  });
}

Deno.test("an AdamW whose gradients' squares are not added up over ranks does not give the bits of one rank", async () => {
  const optimizer = brokenAdamW({ ...OPTIONS, maxGradientNorm: 0.05 });
  const placed = evenPlacements(2, [[64, 48]]);
  assert.ok(await numDiffering({ tensor: 2, zero: 2, placed, optimizer, steps: 4 }) > 0);
});

Deno.test("AdamW makes as many collectives for 1 parameter as for 12", async () => {
  const counts = [];
  for (const numParameters of [1, 12]) {
    const [traffic] = await inProcessRanks(4, async (world) => {
      const mesh = ProcessGroupMesh.over(world, 2, 2);
      const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
      const dataParallelGroup = await mesh.getGroupAlongAxis(1);
      using device = wasmDevice();
      using scope = new DisposableStack();
      const parameters = Array.from({ length: numParameters }, (_, index) =>
        scope.use(
          new Parameter(device, initialParameter({ shape: [6, 10] }), {
            shape: [6, 10],
            name: `p${index}`,
          }),
        ));
      const optim = scope.use(new DistributedAdamW(parameters));
      optim.setupDistributed({ tensorParallelGroup, dataParallelGroup });
      for (const parameter of parameters) {
        parameter.grad = Tensor.from(device, new Float32Array(60).fill(1), { shape: [6, 10] });
      }
      await optim.step();
      return optim.lastStep.collectives;
    });
    counts.push(traffic);
  }
  // Reduce-scatter, all-gather, and over each of the two groups sums of squares and flags of what is not finite.
  assert.deepEqual(counts, [4, 4]);
});

Deno.test("a training by AdamW resumes from any mesh on any other as on one rank", async () => {
  const meshes = [[1, 1], [2, 2], [3, 1], [1, 4]];
  for (const [tensor, zero] of meshes) {
    const first = withAdamW({
      tensor,
      zero,
      replicas: 4,
      steps: 7,
      placed: placements(tensor).filter(({ cut }) => cut === undefined),
    });
    const ranks = await train(first);
    const [{ state, values }] = ranks;
    for (const rank of ranks) assertSameBits(rank.state, state);
    for (const [nextTensor, nextZero] of meshes) {
      const second = withAdamW({
        tensor: nextTensor,
        zero: nextZero,
        replicas: 4,
        steps: 5,
        placed: first.placed!.map((each) => ({
          ...each,
          cut: nextTensor > 1 && (each.shape.at(-1) ?? 0) >= nextTensor
            ? each.shape.length - 1
            : undefined,
        })),
      });
      const continued = await train({ ...second, from: { step: 7, values, state } });
      assertEqualsOneRank(continued, { training: second, totalSteps: 12 });
      assert.ok(Object.values(continued[0].state).every(({ step }) => step === 12));
    }
  }
});

/** AdamW whose ranks do not add up what they must. */
function brokenAdamW(options: AdamWOptimizerOptions) {
  class BrokenPlacement extends MeshPlacement {
    override viewOf(...given: Parameters<MeshPlacement["viewOf"]>) {
      return { ...super.viewOf(...given), groups: [] };
    }
  }
  class Broken extends DistributedAdamW {
    override setupDistributed(setup: DistributedSetup): void {
      this.place(() => new BrokenPlacement(this.parameters, setup));
    }
  }
  return (parameters: readonly Parameter[]) =>
    new Broken(parameters, options) as unknown as DistributedOptimizer;
}
