// The kernel calls of one Adafactor step (the equations: src/device/kernels/). A kernel that reads gradients or parameters
// is called once per run of blocks whose tensors lie together, all others once for the whole plan.

import type { Device, DeviceBuffer } from "../../device/device.ts";
import type { FloatType } from "../../tensor/dtype.ts";
import type { Plan } from "../plan/plan.ts";
import { type BlockMemory, type Placement, roomOf } from "../plan/block_memory.ts";
import type { SumSlots } from "../sums/packed_sums.ts";
import { allBlocks, type BlockRun, runsOf, type TileRun, tilesOf } from "../plan/block_runs.ts";

/** Where one parameter's block lies: its gradient's, or its own. */
export interface GradientBlock {
  /** The memory that it lies in. */
  readonly buffer: DeviceBuffer;
  /** First element. */
  readonly offset: number;
  /** Type of the elements. Default f32. */
  readonly dtype?: FloatType;
}

/** What the passes work with. */
export interface PassOperands extends Placement {
  readonly device: Device;
  readonly plan: Plan;
  readonly memory: BlockMemory;
  /** A u32 that is not 0 where a gradient is not finite. */
  readonly guard: DeviceBuffer;
  /** What tiles leave for the sums. */
  readonly partials: DeviceBuffer;
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

/** Whether gradients are finite, and what they are multiplied by. */
export function scaleGradients(
  { device, plan, memory: { blocks }, guard }: PassOperands,
  { divisor, maxNorm }: { readonly divisor: number; readonly maxNorm: number | undefined },
): void {
  device.run("adafactor_scale_gradients", { blocks, sums: plan.sums, guard }, {
    ...allBlocks(plan),
    slot: plan.gradientScale.offset,
    factor: 1 / divisor,
    maxNorm: maxNorm ?? MAX_F32,
    sumsLength: lengthOf(plan.sums),
  });
}

/** From the whole parameters' sums, of gradients that count `scale` times, to R, C and this step's factors. */
export function advanceAverages(
  { device, plan, memory, guard, moments, factors }: PassOperands,
  scale: SumSlots,
): void {
  const { blocks, numbers } = memory;
  device.run("adafactor_averages", { blocks, numbers, sums: plan.sums, guard, moments, factors }, {
    ...vectorsOf(plan),
    gradientScale: scale.offset,
    sumsLength: lengthOf(plan.sums),
    momentsLength: lengthOf(moments),
    factorsLength: plan.factorsLength,
  });
}

/** Pass 2: sum of u^2. */
export function sumUpdates(operands: PassOperands): void {
  const { device, plan, memory: { blocks }, factors, partials } = operands;
  for (const run of gradientRuns(operands)) {
    const grad = gradOf(run, operands);
    const bindings = { ...grad.binding, blocks, factors, partials };
    const params = { ...run, ...grad.params, factorsLength: plan.factorsLength };
    device.run("adafactor_tile_updates", bindings, params);
  }
  joinScalar(operands, allBlocks(plan), "updateSquares");
}

/** How long the steps of `blocks` are, from the whole parameters' sums. */
export function sizeSteps({ device, plan, memory }: PassOperands, run: BlockRun): void {
  const { blocks, numbers, steps } = memory;
  device.run("adafactor_step_sizes", { blocks, numbers, sums: plan.sums, steps }, {
    ...run,
    sumsLength: lengthOf(plan.sums),
  });
}

/** The blocks whose step is cautious; undefined where there are none. */
export function cautiousBlocks({ blocks }: Plan): BlockRun | undefined {
  const firstBlock = blocks.findIndex(({ kind }) => kind === "cautious");
  if (firstBlock < 0) return undefined;
  return { firstBlock, numBlocks: blocks.filter(({ kind }) => kind === "cautious").length };
}

/** Before pass 3 of a cautious step: the momentum, and how many of its elements are to be applied. */
export function averageMomentum(operands: PassOperands, cautious: BlockRun): void {
  const { device, plan, memory: { blocks, steps }, factors, guard, partials } = operands;
  for (const run of stepRuns(operands)) {
    if (plan.blocks[run.firstBlock].kind !== "cautious") continue;
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
    device.run("adafactor_tile_momentum", bindings, {
      ...run,
      ...grad.params,
      ...momentum.params,
      factorsLength: plan.factorsLength,
    });
  }
  joinScalar(operands, cautious, "aligned");
}

/** CAME's pass between: the momentum, and what tiles have of squared differences. */
export function sumDifferences(operands: PassOperands): void {
  const { device, plan, memory: { blocks, steps }, factors, guard, partials } = operands;
  for (const run of stepRuns(operands)) {
    if (plan.blocks[run.firstBlock].kind !== "came") continue;
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
    device.run("came_tile_sums", bindings, {
      ...run,
      ...grad.params,
      ...momentum.params,
      factorsLength: plan.factorsLength,
    });
  }
}

/** Pass 3: the new parameters, and their sums of squares for the next step. */
export function applyUpdates(operands: PassOperands): void {
  const { device, plan, memory: { blocks, steps }, factors, guard, partials } = operands;
  for (const run of stepRuns(operands)) {
    const [grad, param] = [gradOf(run, operands), paramOf(run, operands)];
    const bindings = { ...grad.binding, blocks, factors, steps, guard, ...param.binding, partials };
    const params = {
      ...run,
      ...grad.params,
      ...param.params,
      factorsLength: plan.factorsLength,
      stochastic: plan.blocks[run.firstBlock].hyper.rounding === "stochastic" ? 1 : 0,
    };
    const { kind } = plan.blocks[run.firstBlock];
    // CAME's are stepped in its second half.
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
  const { device, plan, params, memory: { blocks }, partials } = operands;
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
    for (const run of tilesOf(plan, within)) {
      const param = paramOf(run, operands);
      const bindings = { ...param.binding, blocks, partials };
      device.run("adafactor_tile_params", bindings, { ...run, ...param.params });
    }
    joinScalar(operands, unknown, "paramSquares");
  }
}

function joinScalar(
  { device, plan, memory: { blocks }, partials }: PassOperands,
  run: BlockRun,
  scalar: keyof typeof SCALARS,
): void {
  device.run("adafactor_join_scalar", { blocks, partials, sums: plan.sums }, {
    ...run,
    scalar: SCALARS[scalar],
    partialsLength: plan.partialsLength,
    sumsLength: lengthOf(plan.sums),
  });
}

/** Runs of blocks whose gradients lie in one buffer. */
function gradientRuns({ plan, grads }: PassOperands): TileRun[] {
  const all = { from: 0, to: plan.blocks.length };
  return tilesOf(plan, runsOf(all, (one, next) => grads[one].buffer === grads[next].buffer));
}

/** Runs of blocks that one kernel steps: all of one kind, all tensors in the same buffers. */
function stepRuns({ plan, grads, params, momenta }: PassOperands): TileRun[] {
  const { blocks } = plan;
  const isSame = (one: number, next: number) =>
    blocks[one].kind === blocks[next].kind &&
    blocks[one].hyper.rounding === blocks[next].hyper.rounding &&
    grads[one].buffer === grads[next].buffer && params[one].buffer === params[next].buffer &&
    momenta[one]?.buffer === momenta[next]?.buffer;
  return tilesOf(plan, runsOf({ from: 0, to: blocks.length }, isSame));
}

function gradOf({ firstBlock }: BlockRun, { grads }: PassOperands) {
  const { type, length } = roomOf(grads[firstBlock]);
  return {
    binding: { grad: grads[firstBlock].buffer },
    params: { gradType: type, gradLength: length },
  };
}

function paramOf({ firstBlock }: BlockRun, { params }: PassOperands) {
  const { type, length } = roomOf(params[firstBlock]);
  return {
    binding: { param: params[firstBlock].buffer },
    params: { paramType: type, paramLength: length },
  };
}

function momentumOf({ firstBlock }: BlockRun, { momenta }: PassOperands) {
  const { type, length } = roomOf(momenta[firstBlock]!);
  return {
    binding: { momentum: momenta[firstBlock]!.buffer },
    params: { momentumType: type, momentumLength: length },
  };
}

function vectorsOf(plan: Plan) {
  const { firstVector } = plan.blocks[0].record;
  return { ...allBlocks(plan), firstVector, numVectors: plan.numVectors - firstVector };
}

function lengthOf({ byteLength }: DeviceBuffer): number {
  return byteLength / 4;
}

/** As the kernel adafactor_join_scalar numbers them. */
const SCALARS = { gradientSquares: 0, updateSquares: 1, paramSquares: 2, aligned: 3 };
const MAX_F32 = (2 - 2 ** -23) * 2 ** 127;
