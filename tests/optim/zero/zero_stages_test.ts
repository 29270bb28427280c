// ZeRO stages 0, 1 and 2 on many meshes: each trains as one rank does, and moves what it must and no more.

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { ProcessGroupMesh } from "../../../src/distributed/mesh.ts";
import { Linear } from "../../../src/nn/linear.ts";
import { Linear1DCol } from "../../../src/nn/parallel/linear_1d_col.ts";
import { Linear1DRow } from "../../../src/nn/parallel/linear_1d_row.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { gelu } from "../../../src/ops/gelu.ts";
import { mean } from "../../../src/ops/mean.ts";
import { mul } from "../../../src/ops/mul.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type { DistributedSetup } from "../../../src/optim/zero/distributed_setup.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../../support/assert_same_bits.ts";
import { inProcessRanks } from "../../support/distributed/in_process_ranks.ts";
import {
  assertEqualsOneRank,
  type Placed,
  train,
  type Training,
} from "../../support/optim/sharded_training.ts";

/** Small enough that these parameters make several buckets, the larger ones alone. */
const BUCKET_BYTES = 1024;
const SHAPES = [[33, 17], [7, 3], [2, 66], [16, 8], [3, 4, 6], [65], [5], []];

/** Every shape; every second one cut along its first dim, the others along their last. */
function placed(tensor: number): Placed[] {
  return SHAPES.map((shape, index) => {
    const dim = index % 2 === 0 ? shape.length - 1 : 0;
    const cut = tensor > 1 && (shape[dim] ?? 0) >= tensor ? dim : undefined;
    return { name: `[${shape}] cut along dim ${cut}`, shape, cut };
  });
}

const MESHES = [[1, 2], [2, 2], [1, 4], [4, 2]] as const;

for (const [tensor, zero] of MESHES) {
  for (const zeroStage of [0, 1, 2] as const) {
    Deno.test(`ZeRO stage ${zeroStage} on tensor ${tensor} x data ${zero} equals one rank`, async () => {
      const training: Training = {
        tensor,
        zero,
        zeroStage,
        placed: placed(tensor),
        steps: 6,
        bucketBytes: BUCKET_BYTES,
        microBatches: 2,
        options: { weightDecay: 0.01, beta1: 0.5, maxGradientNorm: 0.05 },
      };
      assertEqualsOneRank(await train(training), { training, totalSteps: 6 });
    });
  }
}

Deno.test("ZeRO stage 2 gives the bits of stage 1, from one backward or from grad", async () => {
  const common: Training = { tensor: 1, zero: 4, placed: placed(1), steps: 4 };
  const bits = async (extra: Partial<Training>) =>
    (await train({ ...common, ...extra })).map(({ values }) => values);
  const expected = await bits({ zeroStage: 1 });
  const bucketBytes = BUCKET_BYTES;
  assertSameBits(await bits({ zeroStage: 2, bucketBytes, microBatches: 1 }), expected);
  assertSameBits(await bits({ zeroStage: 2, bucketBytes }), expected);
});

/** Failures of a bucket on its way. Its parts end with the flag of its only parameter. */
interface Bucket {
  readonly values: Float32Array;
  readonly counts: readonly number[];
}

/** Before the bucket of each rank leaves. */
const MUTANTS: Readonly<Record<string, (bucket: Bucket, rank: number) => void>> = {
  "a bucket that is dropped on one rank": ({ values, counts }, rank) => {
    if (rank === 1 && values.length === 16 * 8 + 2) {
      rowsOf({ values, counts }).forEach((rows) => rows.fill(0));
    }
  },
  "rows that go to the wrong owner": (bucket) => {
    const [first, second] = rowsOf(bucket);
    const copy = first.slice();
    first.set(second);
    second.set(copy);
  },
  "a mean that is divided twice": (bucket) => {
    for (const rows of rowsOf(bucket)) rows.forEach((value, k) => rows[k] = value / 2);
  },
};

function rowsOf({ values, counts }: Bucket): Float32Array[] {
  let end = 0;
  return counts.map((count) => values.subarray(end, (end += count) - 1));
}

/** An optimizer whose buckets `mutate` changes. */
function mutant(mutate: (bucket: Bucket, rank: number) => void): typeof DistributedAdaFactor {
  return class extends DistributedAdaFactor {
    override setupDistributed(setup: DistributedSetup): void {
      const group = setup.dataParallelGroup as ProcessGroup;
      const dataParallelGroup = new Proxy(group, {
        get(target, key) {
          const value = Reflect.get(target, key, target);
          if (key !== "reduceScatter") {
            return typeof value === "function" ? value.bind(target) : value;
          }
          return (values: Float32Array, counts: readonly number[]) => {
            mutate({ values, counts }, group.rank);
            return group.reduceScatter(values, counts);
          };
        },
      });
      super.setupDistributed({ ...setup, dataParallelGroup });
    }
  };
}

for (const [name, mutate] of Object.entries(MUTANTS)) {
  Deno.test(`${name} fails the test of equality`, async () => {
    const training: Training = {
      tensor: 1,
      zero: 2,
      zeroStage: 2,
      steps: 3,
      microBatches: 1,
      bucketBytes: 4,
      placed: [[16, 8], [4, 6], [10]].map((shape) => ({
        name: `[${shape}]`,
        shape,
        cut: undefined,
      })),
      // With a large eps1 the size of gradients shows.
      options: { eps: [1e-2, 1e-3], clipThreshold: "none" },
    };
    const ranks = await train({ ...training, Optimizer: mutant(mutate) });
    assert.throws(
      () => assertEqualsOneRank(ranks, { training, totalSteps: 3 }),
      { name: "AssertionError", message: /differs by/ },
    );
    const right = await train({ ...training, Optimizer: mutant(() => {}) });
    assertEqualsOneRank(right, { training, totalSteps: 3 });
  });
}

Deno.test("hybrid sharding, replicas of ZeRO groups, equals one rank in every stage", async () => {
  for (const zeroStage of [0, 1, 2] as const) {
    const training: Training = {
      tensor: 1,
      replicate: 2,
      zero: 2,
      zeroStage,
      placed: placed(1),
      steps: 5,
      bucketBytes: BUCKET_BYTES,
      microBatches: 2,
    };
    assertEqualsOneRank(await train(training), { training, totalSteps: 5 });
  }
});

Deno.test("parameters cut along two dims over two tensor-parallel axes equal one rank", async () => {
  const twice: Placed[] = [
    { name: "cut both ways", shape: [9, 14], cut: 0, secondCut: 1 },
    { name: "cut both ways, other axes", shape: [6, 5, 8], cut: 2, secondCut: 1 },
    { name: "cut over the second axis", shape: [8, 3], cut: undefined, secondCut: 0 },
    { name: "cut over the first axis", shape: [3, 8], cut: 1 },
    { name: "a vector", shape: [11], cut: undefined, secondCut: 0 },
    { name: "whole", shape: [4, 6], cut: undefined },
  ];
  for (const zeroStage of [0, 1, 2] as const) {
    const training: Training = {
      tensor: 2,
      secondTensor: 2,
      zero: 2,
      zeroStage,
      placed: twice,
      steps: 5,
      bucketBytes: 256,
      microBatches: 1,
      options: { weightDecay: 0.01, maxGradientNorm: 0.05 },
    };
    assertEqualsOneRank(await train(training), { training, totalSteps: 5 });
  }
});

Deno.test("collectives per step and per backward are those of the stage", async () => {
  const counts = async (zeroStage: 0 | 1 | 2, extra: Partial<Training> = {}) => {
    const options = { tensor: 1, zero: 2, zeroStage, placed: placed(1), steps: 1 };
    const ranks = await train({ ...options, microBatches: 1, ...extra });
    const [{ lastStep, lastBackward }] = ranks;
    return [lastBackward.collectives, lastStep.collectives];
  };
  // One all-reduce. A reduce-scatter, two exchanges and an all-gather. The same with buckets of their own.
  assert.deepEqual(await counts(0), [0, 1]);
  assert.deepEqual(await counts(1), [0, 4]);
  assert.deepEqual(await counts(2), [1, 3]);
  // From the last: 0, 1 and 5, 65 elements and 72; 128 and 132; 21; 561, as 256 fit.
  assert.deepEqual(await counts(2, { bucketBytes: BUCKET_BYTES }), [4, 3]);
  // Two exchanges more over the tensor-parallel group.
  const wide = { tensor: 2, placed: placed(2) };
  assert.deepEqual(await counts(0, wide), [0, 3]);
  assert.deepEqual(await counts(1, wide), [0, 6]);
  assert.deepEqual(await counts(2, wide), [1, 5]);
  // Over the shards and over the replicas each.
  const hybrid = { replicate: 2, bucketBytes: BUCKET_BYTES };
  assert.deepEqual(await counts(2, hybrid), [8, 3]);
  assert.deepEqual(await counts(1, hybrid), [0, 5]);
  assert.deepEqual(await counts(0, hybrid), [0, 2]);
});

Deno.test("parallel layers train the same in every stage, with their own exchanges beside the buckets", async () => {
  const train = (zeroStage: 0 | 1 | 2) =>
    inProcessRanks(4, async (world) => {
      const mesh = ProcessGroupMesh.over(world, 2, 2);
      const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
      const dataParallelGroup = await mesh.getGroupAlongAxis(1);
      using device = wasmDevice();
      using scope = new DisposableStack();
      const random = new RandomSource(1);
      const layers = Array.from({ length: 3 }, () => {
        const up = new Linear(device, { inFeatures: 6, outFeatures: 10, random });
        const down = new Linear(device, { inFeatures: 10, outFeatures: 6, random });
        const options = { processGroup: tensorParallelGroup };
        return [
          scope.use(Linear1DCol.fromNativeModule(up, options)),
          scope.use(Linear1DRow.fromNativeModule(down, options)),
        ] as const;
      });
      const parameters = layers.flat().flatMap((layer) => layer.parameters());
      using optim = new DistributedAdaFactor(parameters, { lr: 0.1 });
      const setup = { tensorParallelGroup, dataParallelGroup, zeroStage, bucketBytes: 256 };
      optim.setupDistributed(setup);
      const starts = await Promise.all(parameters.map((parameter) => parameter.data()));
      for (let step = 0; step < 3; step++) {
        const batch = Float32Array.from(
          { length: 30 },
          (_, k) => Math.sin(k + 100 * step + 10 * dataParallelGroup.rank),
        );
        using x = Tensor.from(device, batch, { shape: [5, 6] });
        let y = x;
        for (const [up, down] of layers) y = await down.forward(gelu(await up.forward(y)));
        using loss = mean(mul(y, y));
        await optim.backward(loss);
        await optim.step();
        optim.zeroGrad();
      }
      const values = await Promise.all(parameters.map((parameter) => parameter.data()));
      values.forEach((each, index) => assertOtherBits(each, starts[index]));
      return values;
    });
  const [whole, state, gradients] = [await train(0), await train(1), await train(2)];
  assertSameBits(gradients, state);
  for (const [rank, values] of whole.flat().entries()) {
    const others = state.flat()[rank];
    values.forEach((value, k) => assert.ok(Math.abs(value - others[k]) < 1e-5, `${value}`));
  }
});
