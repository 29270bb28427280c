// Kernel calls that all update rules share, and their operands. A kernel that reads gradients or parameters is called once per
// run of blocks whose tensors are in the same buffers, all others once for the whole plan.

import type { Device, DeviceBuffer } from "../../device/device.ts";
import type { DeviceRange } from "../../tensor/device_range.ts";
import { type BlockMemory, type BlockTensors, roomOf } from "../plan/block_memory.ts";
import { allBlocks, type BlockRun, runsOf, type TileRun, tilesOf } from "../plan/block_runs.ts";
import type { StepPlan } from "../plan/step_plan.ts";

/** The operands of a step's passes. */
export interface PassOperands extends BlockTensors {
  readonly device: Device;
  readonly plan: StepPlan;
  readonly memory: BlockMemory;
  /** A u32 that is not 0 where a gradient is not finite. */
  readonly guard: DeviceBuffer;
  /** Tiles' sums. */
  readonly partials: DeviceBuffer;
}

/** How gradients are scaled: s = min(1, maxNorm / |g / divisor|) / divisor (step.ts). */
export interface GradientScaling {
  /** Gradients are divided by it. */
  readonly divisor: number;
  /** The norm of all gradients together is brought down to it; undefined for never. */
  readonly maxNorm: number | undefined;
}

/** Whether gradients are finite, and what they are multiplied by. */
export function scaleGradients(
  { device, plan, memory: { blocks }, guard }: PassOperands,
  { divisor, maxNorm }: GradientScaling,
): void {
  device.run("adafactor_scale_gradients", { blocks, sums: plan.sums, guard }, {
    ...allBlocks(plan),
    slot: plan.gradientScale.offset,
    factor: 1 / divisor,
    maxNorm: maxNorm ?? MAX_F32,
    sumsLength: lengthOf(plan.sums),
  });
}

/** Tiles' sums of the squares of a run's parameters. */
export function sumSquares(operands: PassOperands, runs: readonly TileRun[]): void {
  const { device, memory: { blocks }, partials } = operands;
  for (const run of runs) {
    const param = paramOf(run, operands);
    const bindings = { ...param.binding, blocks, partials };
    device.run("adafactor_tile_params", bindings, { ...run, ...param.params });
  }
}

/** From tiles' sums to each block's. */
export function joinScalar(
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

/** Runs of blocks whose gradients are in one buffer. */
export function gradientRuns({ plan, grads }: PassOperands): TileRun[] {
  const all = { from: 0, to: plan.blocks.length };
  return tilesOf(plan, runsOf(all, (one, next) => grads[one].buffer === grads[next].buffer));
}

/** Runs of blocks that one kernel steps: all of one kind, all tensors in the same buffers. */
export function stepRuns({ plan, grads, params, state }: PassOperands): TileRun[] {
  const { blocks } = plan;
  const ofState = Object.values(state);
  const isSame = (one: number, next: number) =>
    blocks[one].kind === blocks[next].kind &&
    blocks[one].hyper.rounding === blocks[next].hyper.rounding &&
    grads[one].buffer === grads[next].buffer && params[one].buffer === params[next].buffer &&
    ofState.every((ranges) => ranges[one]?.buffer === ranges[next]?.buffer);
  return tilesOf(plan, runsOf({ from: 0, to: blocks.length }, isSame));
}

/** The run's gradients as kernels take them. */
export function gradOf({ firstBlock }: BlockRun, { grads }: Pick<PassOperands, "grads">) {
  const { type, length } = roomOf(grads[firstBlock]);
  return {
    binding: { grad: grads[firstBlock].buffer },
    params: { gradType: type, gradLength: length },
  };
}

/** The run's parameters as kernels take them. */
export function paramOf({ firstBlock }: BlockRun, { params }: Pick<PassOperands, "params">) {
  const { type, length } = roomOf(params[firstBlock]);
  return {
    binding: { param: params[firstBlock].buffer },
    params: { paramType: type, paramLength: length },
  };
}

/** How a run's parameters are rounded, as kernels take it. */
export function roundingOf({ firstBlock }: BlockRun, { plan }: Pick<PassOperands, "plan">) {
  return { stochastic: plan.blocks[firstBlock].hyper.rounding === "stochastic" ? 1 : 0 };
}

/** One of the state's tensors of a run that has it. */
export function stateOf(
  { firstBlock }: BlockRun,
  { state }: Pick<PassOperands, "state">,
  name: string,
): DeviceRange {
  return state[name][firstBlock]!;
}

/** Elements of a buffer of f32. */
export function lengthOf({ byteLength }: DeviceBuffer): number {
  return byteLength / 4;
}

/** As the kernel adafactor_join_scalar numbers them. */
const SCALARS = { gradientSquares: 0, updateSquares: 1, paramSquares: 2, aligned: 3 };
const MAX_F32 = (2 - 2 ** -23) * 2 ** 127;
