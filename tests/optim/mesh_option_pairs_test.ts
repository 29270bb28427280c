// Every pair of a mesh's dimensions, its setup, the optimizer's options and storage types that may stand together, in some training on
// a mesh, against the same training on one rank; in the middle, each goes on from its state on another mesh of its ranks.

import assert from "node:assert/strict";
import type { AdafactorOptions } from "../../src/optim/options/hyperparameters.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { coveringArray, type Row } from "../support/covering_array.ts";
import { assertSameUpdate, initialParameter } from "../support/optim/golden.ts";
import { testedAdamW } from "../support/optim/distributed_optimizer.ts";
import {
  type Placed,
  type Saved,
  shardOf,
  train,
  type Training,
} from "../support/optim/sharded_training.ts";

const { came } = presets;
const factors = {
  tensor: [2, 1, 3],
  secondTensor: [1, 2],
  replicate: [1, 2],
  zero: [2, 1, 3],
  zeroStage: [1, 0, 2],
  bucketBytes: [undefined, 200],
  microBatches: [undefined, 1, 2],
  storage: [
    { dtype: "f32", gradientDtype: "f32" },
    { dtype: "bf16", gradientDtype: "f32", masterWeights: true },
    { dtype: "bf16", gradientDtype: "f32" },
    { dtype: "f16", gradientDtype: "f32", masterWeights: true },
  ],
  rule: [
    { lr: 0.02 },
    { lr: 0.02, beta1: 0.9 },
    { lr: 0.02, beta1: 0.9, cautious: true },
    { lr: 0.02, beta1: 0.9, momentumOf: "update" },
    { ...came, lr: 0.02 },
    { ...presets.torch, lr: 0.02 },
    {},
    "AdamW",
  ] as (AdafactorOptions | "AdamW")[],
  perMatrix: [undefined, true],
  factoring: [undefined, "none", { largestTwo: 5 }],
  weightDecay: [undefined, 0.1],
  maxGradientNorm: [undefined, 0.03],
  lossScale: [undefined, 8],
  maximize: [undefined, true],
  gradientDivisor: [undefined, 3],
} as const;

type Case = Row<typeof factors>;

/** At most this many ranks in one process. */
const MOST_RANKS = 8;

function isAllowed(row: Partial<Case>): boolean {
  const { tensor = 1, secondTensor = 1, replicate = 1, zero = 1 } = row;
  if (tensor * secondTensor * replicate * zero > MOST_RANKS) return false;
  const isAdamW = row.rule === "AdamW";
  return !(isAdamW && (row.perMatrix !== undefined || row.factoring !== undefined));
}

/** Shapes with few and uneven rows, cut along every dim, one of them along two, and one with pads. */
function placedOn({ tensor, secondTensor }: Case): Placed[] {
  const cut = (dim: number) => tensor > 1 ? dim : undefined;
  const second = (dim: number) => secondTensor > 1 ? { secondCut: dim } : {};
  return [
    { name: "rows", shape: [9, 6], cut: cut(0), ...second(1) },
    { name: "columns", shape: [5, 8], cut: cut(1) },
    { name: "whole", shape: [6, 7], cut: undefined },
    { name: "stack", shape: [3, 4, 6], cut: cut(0) },
    { name: "columns of a stack", shape: [2, 5, 6], cut: cut(2), ...second(1) },
    { name: "vector", shape: [11], cut: cut(0) },
    { name: "scalar", shape: [], cut: undefined },
    { name: "padded", shape: [7, 4], cut: cut(0), paddedShape: [12, 4] },
  ];
}

function trainingOf(row: Case): Training {
  const { storage: { dtype, gradientDtype, ...storage }, rule, perMatrix, factoring } = row;
  const { weightDecay, maxGradientNorm, lossScale, maximize, gradientDivisor } = row;
  const shared = given({ ...storage, weightDecay, maxGradientNorm, lossScale, maximize });
  const { tensor, secondTensor, replicate, zero, zeroStage, bucketBytes, microBatches } = row;
  return {
    tensor,
    secondTensor,
    replicate,
    zero,
    zeroStage,
    dtype,
    gradientDtype,
    placed: placedOn(row),
    replicas: replicate * zero,
    ...given({ bucketBytes, microBatches, gradientDivisor }),
    ...(rule === "AdamW"
      ? { tested: testedAdamW({ lr: 0.02, ...shared }) }
      : { options: { ...rule, ...shared, ...given({ perMatrix, factoring }) } }),
  } as Training;
}

/** What is not undefined. */
function given(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Trains 2 steps on a mesh, and 2 more on a second one. */
async function trainOn(first: Training, second: Training) {
  const ranks = await train({ ...first, steps: 2 });
  const [{ state }] = ranks;
  const from: Saved = {
    step: 2,
    values: first.placed!.map((_, index) => wholeOf(ranks, index)),
    state,
  };
  return await train({ ...second, steps: 2, from });
}

/** The whole parameter, from the shards of all ranks. */
function wholeOf(ranks: Awaited<ReturnType<typeof train>>, index: number): Float64Array {
  const { globalShape } = ranks[0].layouts[index];
  const length = globalShape.reduce((product, each) => product * each, 1);
  const whole = new Float64Array(length);
  const places = Float64Array.from({ length }, (_, k) => k + 1);
  for (const { values, layouts } of ranks) {
    shardOf(places, layouts[index]).forEach((place, k) => {
      if (place > 0) whole[place - 1] = values[index][k];
    });
  }
  return whole;
}

async function assertTrainsAsOneRank(row: Case): Promise<void> {
  const training = trainingOf(row);
  const { tensor, zero } = row;
  const other = { ...training, tensor: zero, zero: tensor };
  // Gradients of the replicas are averaged on every mesh.
  const replicas = row.replicate * zero;
  const onMesh = await trainOn(training, {
    ...other,
    replicas,
    placed: placedOn({ ...row, tensor: zero } as Case),
  });
  const alone = { ...training, tensor: 1, secondTensor: 1, replicate: 1, zero: 1, replicas };
  const single = {
    ...alone,
    placed: training.placed!.map(({ name, shape }) => ({ name, shape, cut: undefined })),
  };
  const [expected] = await trainOn(single, single);
  for (const [index, { name, shape }] of training.placed!.entries()) {
    const [{ state }] = onMesh;
    const what = `${name} of ${
      Deno.inspect(row, { depth: 4, compact: true, breakLength: Infinity })
    }`;
    const start = initialParameter({ shape });
    // What rounds is the master, where there is one; the parameter itself may then be a spacing off.
    const masters = [state[name].master, expected.state[name].master];
    const [ours, theirs] = masters[0] !== undefined && masters[1] !== undefined
      ? masters
      : [wholeOf(onMesh, index), expected.values[index]];
    const dtype = masters[0] === undefined ? row.storage.dtype : "f32";
    // Rounding of 16 bits may hide what a parameter has moved.
    if (dtype === "f32") assertSameUpdate(ours!, theirs!, { start, steps: 4, what, dtype });
    else assertNear(ours!, theirs!, what);
    assert.equal(state[name].step, 4, what);
  }
}

/** Off by no more than the spacing of bf16. */
function assertNear(ours: ArrayLike<number>, theirs: ArrayLike<number>, what: string): void {
  for (let k = 0; k < theirs.length; k++) {
    const allowed = 2 ** -7 * Math.abs(theirs[k]) + 1e-6;
    assert.ok(
      Math.abs(ours[k] - theirs[k]) <= allowed,
      `${ours[k]} is not ${theirs[k]}, [${k}] of ${what}`,
    );
  }
}

const rows = coveringArray(factors, isAllowed);

Deno.test(`every pair of mesh, setup, options and storage trains as one rank, in ${rows.length} trainings that change their mesh`, async () => {
  for (const row of rows) await assertTrainsAsOneRank(row);
});
