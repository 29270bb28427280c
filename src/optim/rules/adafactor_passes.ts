// The kernel calls of one Adafactor step (the equations: src/device/kernels/).

import type { DeviceBuffer } from "../../device/device.ts";
import { roomOf } from "../plan/block_memory.ts";
import { allBlocks, type BlockRun, runsOf, tilesOf } from "../plan/block_runs.ts";
import type { StepPlan } from "../plan/step_plan.ts";
import {
  gradientRuns,
  gradOf,
  joinScalar,
  lengthOf,
  paramOf,
  type PassOperands,
  roundingOf,
  stateOf,
  stepRuns,
  sumSquares,
} from "../step/passes.ts";
import type { SumSlots } from "../sums/packed_sums.ts";
import type { StepNumbers } from "./adafactor_numbers.ts";

/** The inputs of Adafactor's passes. */
export interface AdafactorOperands extends PassOperands {
  readonly numbers: StepNumbers;
  /** R, C and mean R of all blocks. */
  readonly moments: DeviceBuffer;
  /** rsqrt(R / mean R) and rsqrt(C) of this step, and the most that their product counts for. */
  readonly factors: DeviceBuffer;
}

/** Pass 1: row sums, column sums and sum of g^2; and sum p^2, where the last step has not left it. */
export function sumStatistics(operands: PassOperands): void {
  const { device, plan, memory: { blocks }, partials } = operands;
  for (const run of gradientRuns(operands)) {
    const grad = gradOf(run, operands);
    device.run("adafactor_tile_sums", { ...grad.binding, blocks, partials }, {
      ...run,
      ...grad.params,
    });
  }
  joinSums(operands);
  joinScalar(operands, allBlocks(plan), "gradientSquares");
  sumParameters(operands);
}

/** From tiles to row sums, column sums and sums of both. */
export function joinSums({ device, plan, memory: { blocks }, partials }: PassOperands): void {
  device.run("adafactor_join_sums", { blocks, partials, sums: plan.sums }, {
    ...vectorsOf(plan),
    partialsLength: plan.partialsLength,
    sumsLength: lengthOf(plan.sums),
  });
}

/** From the whole parameters' sums, of gradients that count `scale` times, to R, C and this step's factors. */
export function advanceAverages(operands: AdafactorOperands, scale: SumSlots): void {
  const { device, plan, memory: { blocks }, numbers: { numbers }, guard, moments, factors } =
    operands;
  device.run("adafactor_averages", { blocks, numbers, sums: plan.sums, guard, moments, factors }, {
    ...vectorsOf(plan),
    gradientScale: scale.offset,
    sumsLength: lengthOf(plan.sums),
    momentsLength: lengthOf(moments),
    factorsLength: plan.factorsLength,
  });
}

/** Pass 2: sum of u^2. */
export function sumUpdates(operands: AdafactorOperands): void {
  const { device, plan, memory: { blocks }, factors, partials } = operands;
  for (const run of gradientRuns(operands)) {
    const grad = gradOf(run, operands);
    const bindings = { ...grad.binding, blocks, factors, partials };
    const params = { ...run, ...grad.params, factorsLength: plan.factorsLength };
    device.run("adafactor_tile_updates", bindings, params);
  }
  joinScalar(operands, allBlocks(plan), "updateSquares");
}

/** The step sizes of a run's blocks, from the whole parameters' sums. */
export function sizeSteps(operands: AdafactorOperands, run: BlockRun): void {
  const { device, plan, memory: { blocks }, numbers: { numbers, steps } } = operands;
  device.run("adafactor_step_sizes", { blocks, numbers, sums: plan.sums, steps }, {
    ...run,
    sumsLength: lengthOf(plan.sums),
  });
}

/** The blocks whose step is cautious; undefined where there are none. */
export function cautiousBlocks({ blocks }: StepPlan): BlockRun | undefined {
  const firstBlock = blocks.findIndex(({ kind }) => kind === "cautious");
  if (firstBlock < 0) return undefined;
  return { firstBlock, numBlocks: blocks.filter(({ kind }) => kind === "cautious").length };
}

/** Before pass 3 of a cautious step: the momentum, and how many of its elements are to be applied. */
export function averageMomentum(operands: AdafactorOperands, cautious: BlockRun): void {
  runOverMomenta("adafactor_tile_momentum", "cautious", operands);
  joinScalar(operands, cautious, "aligned");
}

/** CAME's pass between: the momentum, and tiles' sums of squared differences. */
export function sumDifferences(operands: AdafactorOperands): void {
  runOverMomenta("came_tile_sums", "came", operands);
}

/** Pass 3: the new parameters, and their sums of squares for the next step. CAME's are stepped in its second half. */
export function applyUpdates(operands: AdafactorOperands): void {
  const { device, plan, memory: { blocks }, numbers: { steps } } = operands;
  const { factors, guard, partials } = operands;
  for (const run of stepRuns(operands)) {
    const [grad, param] = [gradOf(run, operands), paramOf(run, operands)];
    const bindings = { ...grad.binding, blocks, factors, steps, guard, ...param.binding, partials };
    const params = {
      ...run,
      ...grad.params,
      ...param.params,
      factorsLength: plan.factorsLength,
      ...roundingOf(run, operands),
    };
    const { kind } = plan.blocks[run.firstBlock];
    if (kind === "came") continue;
    if (kind === "plain") {
      device.run("adafactor_step", bindings, params);
    } else {
      const momentum = momentumOf(run, operands);
      const kernel = kind === "cautious" ? "adafactor_step_cautious" : "adafactor_step_momentum";
      device.run(kernel, { ...bindings, ...momentum.binding }, { ...params, ...momentum.params });
    }
  }
  joinScalar(operands, allBlocks(plan), "paramSquares");
}

/** Sum p^2 of the blocks whose parameters have changed since it was last known. */
function sumParameters(operands: PassOperands): void {
  const { plan, params } = operands;
  const isKnown = (index: number) => {
    const { parameter, state } = plan.blocks[index];
    return state.squaresOf === parameter.version;
  };
  const all = { from: 0, to: plan.blocks.length };
  const together = (one: number, next: number) => params[one].buffer === params[next].buffer;
  const runs = runsOf(all, (one, next) => isKnown(one) === isKnown(next));
  for (const unknown of runs.filter(({ firstBlock }) => !isKnown(firstBlock))) {
    const { firstBlock, numBlocks } = unknown;
    const within = runsOf({ from: firstBlock, to: firstBlock + numBlocks }, together);
    sumSquares(operands, tilesOf(plan, within));
    joinScalar(operands, unknown, "paramSquares");
  }
}

/** A pass that advances the momentum of all blocks of one kind. */
function runOverMomenta(
  kernel: "adafactor_tile_momentum" | "came_tile_sums",
  kind: "cautious" | "came",
  operands: AdafactorOperands,
): void {
  const { device, plan, memory: { blocks }, numbers: { steps } } = operands;
  const { factors, guard, partials } = operands;
  for (const run of stepRuns(operands)) {
    if (plan.blocks[run.firstBlock].kind !== kind) continue;
    const [grad, momentum] = [gradOf(run, operands), momentumOf(run, operands)];
    const bindings = {
      ...grad.binding,
      ...momentum.binding,
      blocks,
      factors,
      steps,
      guard,
      partials,
    };
    device.run(kernel, bindings, {
      ...run,
      ...grad.params,
      ...momentum.params,
      factorsLength: plan.factorsLength,
    });
  }
}

function momentumOf(run: BlockRun, operands: PassOperands) {
  const momentum = stateOf(run, operands, "momentum");
  const { type, length } = roomOf(momentum);
  return {
    binding: { momentum: momentum.buffer },
    params: { momentumType: type, momentumLength: length },
  };
}

function vectorsOf(plan: StepPlan) {
  const { firstVector } = plan.blocks[0].record;
  return { ...allBlocks(plan), firstVector, numVectors: plan.numVectors - firstVector };
}
