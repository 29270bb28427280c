// One step over a plan's blocks, whatever the update rule:
//
//   gradients and parameters where kernels take them  ->  sums of g^2  ->  exchange  ->  finite? scale  ->  the rule's update
//
// Whatever stops the step does so before anything has changed: with several ranks right after the first exchange, on one
// device by the guard word, which makes the kernels write nothing.
//
// Every gradient is multiplied by s before anything else sees it, with n accumulated micro-batches:
//
//   s = min(1, maxNorm / |g / n|) / n            |g|^2 = sum over all parameters of sum g^2        (Pascanu et al. 2013)
//
// This needs no further pass or exchange: sum g^2 per parameter is a result of the first pass and part of the first exchange,
// and s is a number that the rule's kernels read. A parameter's sum adds up only over the groups that cut it, so that one
// that is whole on many ranks counts once; the kernel adafactor_scale_gradients adds up parameters in the plan's order, which
// is the same on every mesh.

import type { Device, DeviceBuffer } from "../../device/device.ts";
import type { DeviceRange } from "../../tensor/device_range.ts";
import { spanOf } from "../../tensor/parameter_names.ts";
import type { BlockTensors } from "../plan/block_memory.ts";
import {
  operandsOf,
  putBack,
  stateOperands,
  steppedParameters,
  storedParameters,
} from "../plan/block_operands.ts";
import type { StepPlan } from "../plan/step_plan.ts";
import { exchangeSums } from "../sums/packed_sums.ts";
import { markNonFinite, refuseGuarded, refuseNonFinite } from "./non_finite.ts";
import { type GradientScaling, type PassOperands, scaleGradients } from "./passes.ts";
import type { StepPasses } from "./update_rule.ts";

/** The inputs of a step, besides the plan. */
export interface StepInput {
  readonly device: Device;
  /** The rule's kernel calls. */
  readonly passes: StepPasses<unknown>;
  /** A u32. */
  readonly guard: DeviceBuffer;
  /** Gradients of the plan's parameters. */
  readonly grads: readonly DeviceRange[];
  /** Whether there are no groups to exchange sums with. */
  readonly isAlone: boolean;
  readonly scaling: GradientScaling;
  /** Begins the labels of exchanges. */
  readonly label: string;
}

/** Takes the step. @throws {NonFiniteGradientError} if a gradient is NaN or infinite; nothing was changed */
export async function runStep(
  plan: StepPlan,
  { device, passes, guard, grads, isAlone, scaling, label }: StepInput,
): Promise<void> {
  const { sources, blocks, exchanges, sums, numNonFinite } = plan;
  plan.isFinished = false;
  // Schedules first: one that throws leaves everything as it was.
  passes.begin();
  using scope = new DisposableStack();
  const stored = storedParameters(sources);
  const params = steppedParameters(sources, stored, { device, scope });
  const state = stateOperands(sources, { device, scope });
  const perBlock = <Operand extends DeviceRange | undefined>(operands: readonly Operand[]) =>
    blocks.map(({ source, within }): Operand => {
      const operand = operands[source];
      // A parameter of this plan may lack what others have, such as momentum.
      if (within === 0 || operand === undefined) return operand;
      return { ...operand, offset: operand.offset + within };
    });
  const tensors: BlockTensors = {
    grads: perBlock(operandsOf(sources, grads, { device, scope })),
    params: perBlock(params),
    state: Object.fromEntries(
      Object.entries(state.operands).map(([name, ranges]) => [name, perBlock(ranges)]),
    ),
  };
  const { memory } = passes;
  memory.place(plan, tensors);
  const partials = scope.use(device.allocate(4 * plan.partialsLength));
  const operands: PassOperands = { device, plan, memory, guard, partials, ...tensors };

  passes.sumGradients(operands);
  // The exchange replaces this rank's own sums: should the step end before new ones are there, the old ones are not valid.
  for (const { state } of sources) state.squaresOf = -1;
  const span = spanOf(sources.map(({ parameter }) => parameter));
  await exchangeSums({ device, buffer: sums }, exchanges[0], {
    label: `${label}: sums 0 of ${span}`,
    onLocal: (host) => markNonFinite(blocks, host, numNonFinite),
    onGlobal: (host) => refuseNonFinite(blocks, host, numNonFinite),
  });
  scaleGradients(operands, scaling);
  await passes.update(
    operands,
    (which) =>
      exchangeSums({ device, buffer: sums }, exchanges[which], {
        label: `${label}: sums ${which} of ${span}`,
      }),
  );

  putBack(sources, params, { device, sources: stored });
  state.putBack();
  for (const { state, parameter } of sources) {
    // Kernels find all but the first block's memory in a table.
    parameter.buffer.numWrites++;
    state.squaresOf = parameter.version;
  }
  if (isAlone) await refuseGuarded(blocks, { device, sums, guard });
  for (const { state } of sources) state.step += 1;
  plan.isFinished = true;
}
