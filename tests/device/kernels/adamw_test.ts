// AdamW's step with storage types of every kind: several blocks of different shapes per call, the run beginning at the first or
// at a later one, with the guard set and not.

import assert from "node:assert/strict";
import { adamwFields, encodeRecords } from "../../../src/device/block_table.ts";
import { storageTypes } from "../../../src/device/storage_types.ts";
import { adamwStep } from "../../reference/adamw_blocks.ts";
import { type BlockTable, blockWords, tileRun } from "../../support/device/block_records.ts";
import {
  F32,
  gradOperand,
  gradParams,
  HALVES,
  momentumParams,
  paramOperand,
  paramParams,
  tables,
} from "../../support/device/block_cases.ts";
import { checkKernel, type KernelCase, runOnDevice } from "../../support/device/checked_kernel.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

const { f32, bf16 } = storageTypes;

for (
  const { about, storage, stochastic } of [
    { about: "with f32", storage: F32, stochastic: 0 },
    { about: "with elements of 16 bits", storage: HALVES, stochastic: 0 },
    { about: "rounding at random", storage: HALVES, stochastic: 1 },
  ] as const
) {
  checkKernel("adamw_step", {
    reference: adamwStep,
    about,
    tolerance: { relative: 2e-6, ofLargest: 1e-6 },
    cases: (random) =>
      [0, 1].flatMap((guard) =>
        tables(storage).flatMap(({ table, type, firstBlock }) => {
          const shared = { random, table, firstBlock, guard, stochastic, paramType: type };
          if (type === f32) return [stepCase({ ...shared, gradType: f32, momentumType: f32 })];
          // Gradients, parameters and the first moment each have a type of their own.
          return [
            stepCase({ ...shared, gradType: type, momentumType: bf16 }),
            stepCase({ ...shared, gradType: f32, momentumType: f32 }),
          ];
        })
      ),
  });
}

testOnEachDevice(
  "adamw_step changes elements outside of its blocks on no device",
  async (device) => {
    const random = new RandomValues(3);
    for (const { table, type, firstBlock } of tables([...F32, ...HALVES])) {
      const types = { gradType: type, paramType: type, momentumType: type };
      const given = stepCase({ random, table, firstBlock, guard: 0, stochastic: 0, ...types });
      const got = await runOnDevice(device, "adamw_step", given);
      const begin = table.records[firstBlock]!.secondMomentOffset;
      const before = given.operands.secondMoment.slice(0, begin);
      assert.deepEqual([...got.secondMoment!.slice(0, begin)], [...before]);
      assert.notDeepEqual([...got.secondMoment!], [...given.operands.secondMoment]);
    }
  },
);

interface StepCase {
  readonly random: RandomValues;
  readonly table: BlockTable;
  readonly firstBlock: number;
  readonly guard: number;
  readonly stochastic: number;
  readonly gradType: number;
  readonly paramType: number;
  readonly momentumType: number;
}

function stepCase(options: StepCase): KernelCase<"adamw_step"> {
  const { random, table, firstBlock, guard, stochastic } = options;
  const { gradType, paramType, momentumType } = options;
  const { firstBlock: _, partialsLength: __, ...rest } = tileRun(table, firstBlock);
  const { lengths, records } = table;
  return {
    operands: {
      ...gradOperand(random, table, gradType),
      blocks: blockWords(table),
      steps: new Float32Array(
        encodeRecords(adamwFields, records.map(() => adamwRecord(random))).buffer,
      ),
      sums: random.signed(lengths.sums),
      guard: Uint32Array.of(guard),
      ...paramOperand(random, table, paramType),
      momentum: random.stored(lengths.momentum, momentumType),
      secondMoment: random.positive(lengths.secondMoment),
    },
    params: {
      ...rest,
      firstBlock,
      ...gradParams(table, gradType),
      ...paramParams(table, paramType),
      ...momentumParams(table, momentumType),
      secondMomentType: f32,
      secondMomentLength: lengths.secondMoment,
      gradientScale: 2,
      sumsLength: lengths.sums,
      stochastic,
    },
  };
}

function adamwRecord(random: RandomValues) {
  return {
    // Some upwards.
    stepSize: (random.next() < 0.3 ? -0.1 : 0.1) * random.next(),
    rootCorrection: 1 + random.next(),
    decay: 0.1 * random.next(),
    take: random.next(),
    takeSquares: random.next(),
    eps: 1e-3 * random.next(),
    key: Math.floor(2 ** 30 * random.next()),
  };
}
