// One Adafactor step over a plan's blocks: three passes over memory with two exchanges between them.
//
//   sums of g^2  ->  exchange A  ->  moments, sums of u^2  ->  exchange B  ->  apply
//
// With cautious parameters an average of momentum and a third exchange come before apply; with CAME a second half after it.
//
// Whatever stops the step does so before anything has changed: with several ranks right after exchange A, on one device
// by the guard word, which makes the kernels write nothing.

import type { Device, DeviceBuffer } from "../../device/device.ts";
import {
  advanceAverages,
  applyUpdates,
  averageMomentum,
  cautiousBlocks,
  type GradientBlock,
  type PassOperands,
  scaleGradients,
  sizeSteps,
  sumStatistics,
  sumUpdates,
} from "./passes.ts";
import type { Plan } from "../plan/plan.ts";
import type { BlockMemory, Placement } from "../plan/block_memory.ts";
import { momentaOf, operandsOf, putBack, steppedParameters } from "../plan/block_operands.ts";
import { allBlocks } from "../plan/block_runs.ts";
import type { GradientScaling } from "./gradient_scale.ts";
import { markNonFinite, refuseGuarded, refuseNonFinite } from "./non_finite.ts";
import { stepByConfidence } from "./came_step.ts";
import { exchangeSums } from "../sums/packed_sums.ts";
import { numbersOf } from "../plan/step_numbers.ts";

/** What a step works with, besides the plan. */
export interface StepInput {
  readonly device: Device;
  readonly memory: BlockMemory;
  /** Where there is CAME. */
  readonly confidence: BlockMemory | undefined;
  /** A u32. */
  readonly guard: DeviceBuffer;
  /** Gradients of the plan's parameters. */
  readonly grads: readonly GradientBlock[];
  /** Whether there are no groups to exchange sums with. */
  readonly isAlone: boolean;
  readonly scaling: GradientScaling;
}

/** Takes the step. @throws {NonFiniteGradientError} if a gradient is NaN or infinite; nothing was changed */
export async function runStep(
  plan: Plan,
  { device, memory, confidence, guard, grads, isAlone, scaling }: StepInput,
): Promise<void> {
  const { sources, blocks, statistics, updates, alignments, sums, numNonFinite } = plan;
  plan.isFinished = false;
  // Schedules first: one that throws leaves everything as it was.
  memory.writeNumbers(blocks.map(numbersOf));
  using scope = new DisposableStack();
  const places = sources.map(({ parameter, paramOffset }): GradientBlock => ({
    buffer: parameter.buffer,
    offset: paramOffset,
    dtype: parameter.dtype,
  }));
  const params = steppedParameters(sources, places, { device, scope });
  const momenta = momentaOf(sources, { device, scope });
  const perBlock = <Operand extends GradientBlock | undefined>(operands: readonly Operand[]) =>
    blocks.map(({ source, within }): Operand => {
      const operand = operands[source];
      return within === 0 ? operand : { ...operand, offset: operand!.offset + within };
    });
  const placement: Placement = {
    grads: perBlock(operandsOf(sources, grads, { device, scope })),
    params: perBlock(params),
    momenta: perBlock(momenta.operands),
    moments: blocks[0].state.moments.buffer,
  };
  memory.place(plan, placement);
  const operands: PassOperands = {
    device,
    plan,
    memory,
    guard,
    ...placement,
    partials: scope.use(device.allocate(4 * plan.partialsLength)),
    factors: scope.use(device.allocate(4 * plan.factorsLength)),
  };

  sumStatistics(operands);
  // What is exchanged replaces this rank's own sums: were the step to end before it leaves new ones, none would be right.
  for (const { state } of sources) state.squaresOf = -1;
  await exchangeSums({ device, buffer: sums }, statistics, {
    onLocal: (host) => markNonFinite(blocks, host, numNonFinite),
    onGlobal: (host) => refuseNonFinite(blocks, host, numNonFinite),
  });

  scaleGradients(operands, scaling);
  advanceAverages(operands, plan.gradientScale);
  sumUpdates(operands);
  await exchangeSums({ device, buffer: sums }, updates);

  sizeSteps(operands, allBlocks(plan));
  const cautious = cautiousBlocks(plan);
  if (cautious !== undefined) {
    averageMomentum(operands, cautious);
    await exchangeSums({ device, buffer: sums }, alignments);
    sizeSteps(operands, cautious);
  }

  applyUpdates(operands);
  if (confidence !== undefined) await stepByConfidence(operands, confidence);
  putBack(sources, params, { device, sources: places });
  momenta.putBack();
  for (const { state, parameter } of sources) state.squaresOf = parameter.version;
  if (isAlone) await refuseGuarded(blocks, { device, sums, guard });
  for (const { state } of sources) state.step += 1;
  plan.isFinished = true;
}
