// The passes that use the update, and change momentum and parameters, with storage types of every kind: several blocks of
// different shapes per call, from the first or from a later one on, with the guard set and not.

import assert from "node:assert/strict";
import { storageTypes } from "../../../src/device/storage_types.ts";
import {
  adafactorStep,
  adafactorStepCautious,
  adafactorStepMomentum,
  adafactorTileMomentum,
  cameTileSums,
} from "../../reference/adafactor_tiles.ts";
import {
  type BlockTable,
  blockWords,
  stepWords,
  tileRun,
} from "../../support/device/block_records.ts";
import {
  F32,
  factorsOf,
  gradOperand,
  gradParams,
  HALVES,
  momentumParams,
  paramOperand,
  paramParams,
  stepRecord,
  tables,
} from "../../support/device/block_cases.ts";
import { checkKernel, type KernelCase, runOnDevice } from "../../support/device/checked_kernel.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

const { f32, bf16 } = storageTypes;
const ROUNDED = { relative: 1e-6, ofLargest: 1e-6 };
// Sums of squares of rounded elements, some of which may be rounded the other way.
const HALF_SUMS = { relative: 1e-2, ofLargest: 1e-6 };

const STEPS = [
  { about: "with f32", storage: F32, tolerance: ROUNDED, stochastic: 0 },
  { about: "with elements of 16 bits", storage: HALVES, tolerance: HALF_SUMS, stochastic: 0 },
  { about: "rounding at random", storage: HALVES, tolerance: HALF_SUMS, stochastic: 1 },
] as const;

for (const { about, storage, tolerance, stochastic } of STEPS) {
  const cases = (random: RandomValues): StepCase[] =>
    [0, 1].flatMap((guard) =>
      tables(storage).flatMap(({ table, type, firstBlock }) => {
        const shared = { random, table, firstBlock, guard, stochastic, paramType: type };
        if (type === f32) return [{ ...shared, gradType: f32, momentumType: f32 }];
        // Gradients, parameters and momentum each have a type of their own.
        return [
          { ...shared, gradType: type, momentumType: bf16 },
          { ...shared, gradType: f32, momentumType: f32 },
        ];
      })
    );
  checkKernel("adafactor_step", {
    reference: adafactorStep,
    about,
    tolerance,
    cases: (random) => cases(random).map(stepCase),
  });
  checkKernel("adafactor_step_momentum", {
    reference: adafactorStepMomentum,
    about,
    tolerance,
    cases: (random) => cases(random).map(stepMomentumCase),
  });
  checkKernel("adafactor_step_cautious", {
    reference: adafactorStepCautious,
    about,
    tolerance,
    cases: (random) => cases(random).map(stepMomentumCase),
  });
  if (stochastic === 1) continue;
  checkKernel("adafactor_tile_momentum", {
    reference: adafactorTileMomentum,
    about,
    tolerance: ROUNDED,
    cases: (random) => cases(random).map(momentumCase),
  });
  checkKernel("came_tile_sums", {
    reference: cameTileSums,
    about,
    tolerance: ROUNDED,
    cases: (random) => cases(random).map(momentumCase),
  });
}

for (const { about, storage, stochastic } of STEPS) {
  testOnEachDevice(`adafactor_step ${about} sums the squares of what it stored`, async (device) => {
    for (const { table, type, firstBlock } of tables(storage)) {
      const random = new RandomValues(2);
      const types = { gradType: type, paramType: type, momentumType: type };
      const after = stepCase({ random, table, firstBlock, guard: 0, stochastic, ...types });
      const { param, partials } = await runOnDevice(device, "adafactor_step", after);
      const stored = type === f32 ? Float32Array.from(param!) : Uint32Array.from(param!);
      const again = await runOnDevice(device, "adafactor_tile_params", {
        operands: {
          param: stored,
          blocks: blockWords(table),
          partials: Float32Array.from(partials!),
        },
        params: { ...tileRun(table, firstBlock), ...paramParams(table, type) },
      });
      again.partials!.forEach((sum, at) => {
        const error = Math.abs(partials![at]! - sum);
        assert.ok(error <= 1e-6 * Math.abs(sum), `partials[${at}]: ${partials![at]}, not ${sum}`);
      });
    }
  });
}

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

function stepCase(stepCase: StepCase): KernelCase<"adafactor_step"> {
  const { random, table, gradType, paramType, stochastic } = stepCase;
  return {
    operands: { ...sharedOperands(stepCase), ...paramOperand(random, table, paramType) },
    params: {
      ...sharedParams(stepCase),
      ...gradParams(table, gradType),
      ...paramParams(table, paramType),
      stochastic,
    },
  };
}

function stepMomentumCase(options: StepCase): KernelCase<"adafactor_step_momentum"> {
  const { operands, params } = stepCase(options);
  const { random, table, momentumType } = options;
  return {
    operands: { ...operands, momentum: random.stored(table.lengths.momentum, momentumType) },
    params: { ...params, ...momentumParams(table, momentumType) },
  };
}

function momentumCase(options: StepCase): KernelCase<"adafactor_tile_momentum"> {
  const { random, table, gradType, momentumType } = options;
  return {
    operands: {
      ...sharedOperands(options),
      momentum: random.stored(table.lengths.momentum, momentumType),
    },
    params: {
      ...sharedParams(options),
      ...gradParams(table, gradType),
      ...momentumParams(table, momentumType),
    },
  };
}

function sharedOperands({ random, table, gradType, guard }: StepCase) {
  return {
    ...gradOperand(random, table, gradType),
    blocks: blockWords(table),
    factors: factorsOf(random, table),
    steps: stepWords(table.records.map(() => stepRecord(random))),
    guard: Uint32Array.of(guard),
    partials: random.signed(table.lengths.partials),
  };
}

function sharedParams({ table, firstBlock }: StepCase) {
  return { ...tileRun(table, firstBlock), factorsLength: table.lengths.factors };
}
