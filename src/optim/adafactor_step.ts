// One Adafactor step over a plan's blocks: three passes over memory with two exchanges between them.
//
//   sums of g^2  ->  exchange A  ->  moments, sums of u^2  ->  exchange B  ->  apply
//
// With cautious parameters an average of momentum and a third exchange come before apply.
//
// Whatever stops the step does so before anything has changed: with several ranks right after exchange A, on one device
// by the guard word, which makes the kernels write nothing.

import type { Device, DeviceBuffer } from "../device/device.ts";
import {
  advanceMoments,
  applyUpdate,
  averageMomentum,
  type GradientBlock,
  type PassOperands,
  type StepNumbers,
  sumStatistics,
  sumUpdates,
} from "./adafactor_passes.ts";
import type { Plan } from "./adafactor_plan.ts";
import { batchFirst, putBack } from "./block_order.ts";
import {
  type GradientScaling,
  scaleOnDevice,
  scaleOnHost,
  shareSquares,
} from "./gradient_scale.ts";
import { guardTotals, markNonFinite, refuseGuarded, refuseNonFinite } from "./non_finite.ts";
import { exchangeSums } from "./packed_sums.ts";

/** What a step works with, besides the plan. */
export interface StepInput {
  readonly device: Device;
  /** A u32, 0 before and after. */
  readonly guard: DeviceBuffer;
  /** Gradients of the plan's blocks. */
  readonly grads: readonly GradientBlock[];
  /** Whether there are no groups to exchange sums with. */
  readonly isAlone: boolean;
  readonly scaling: GradientScaling;
}

/** Takes the step. @throws {NonFiniteGradientError} if a gradient is NaN or infinite; nothing was changed */
export async function runStep(
  plan: Plan,
  { device, guard, grads, isAlone, scaling }: StepInput,
): Promise<void> {
  const { blocks, statistics, updates, alignments, sums, numNonFinite, gradientScale } = plan;
  plan.isFinished = false;
  using scope = new DisposableStack();
  // Schedules first: one that throws leaves everything as it was.
  const numbers = blocks.map(({ hyper, state: { step } }): StepNumbers => ({
    rate: hyper.rate(step + 1),
    take: hyper.take(step + 1),
    decay: hyper.decay(step + 1),
  }));
  const params = blocks.map(({ parameter, paramOffset, view }) => ({
    ...{ device, view },
    block: { buffer: parameter.buffer, offset: paramOffset },
  }));
  const operands = blocks.map(({ view }, index): PassOperands => ({
    ...{ device, sums, guard, gradientScale },
    numbers: numbers[index],
    grad: batchFirst({ device, block: grads[index], view }, scope),
    param: batchFirst(params[index], scope),
    factors: scope.use(device.allocate(4 * (view.batch * (view.rows + view.cols) + 1))),
  }));

  for (const [index, block] of blocks.entries()) sumStatistics(block, operands[index]);
  if (isAlone) {
    guardTotals(blocks, { device, sums, guard });
    scaleOnDevice(plan, { device, ...scaling });
  }
  await exchangeSums({ device, buffer: sums }, statistics, {
    onLocal: (host) => {
      markNonFinite(blocks, host, numNonFinite);
      shareSquares(plan, host);
    },
    onGlobal: (host) => {
      refuseNonFinite(blocks, host, numNonFinite);
      scaleOnHost(plan, host, scaling);
    },
  });

  for (const [index, block] of blocks.entries()) {
    advanceMoments(block, operands[index]);
    sumUpdates(block, operands[index]);
  }
  await exchangeSums({ device, buffer: sums }, updates);

  for (const [index, block] of blocks.entries()) {
    if (block.hyper.cautious) averageMomentum(block, operands[index]);
  }
  await exchangeSums({ device, buffer: sums }, alignments);

  for (const [index, block] of blocks.entries()) {
    applyUpdate(block, operands[index]);
    putBack(operands[index].param, params[index]);
  }
  if (isAlone) await refuseGuarded(blocks, { device, sums, guard });
  for (const { state } of blocks) state.step += 1;
  plan.isFinished = true;
}
