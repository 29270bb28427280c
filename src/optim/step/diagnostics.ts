// Measures of the last step for each parameter, from the sums that it left on the device, which are read only when asked for.
// They are of the whole parameter and the same on every rank. Zero gradients are counted on the host.

import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { distinctNames } from "../../tensor/parameter_names.ts";
import type { PlannedBlock, StepPlan } from "../plan/step_plan.ts";
import type { StepPasses } from "./update_rule.ts";

/**
 * What one step did to one parameter, whatever the update rule.
 *
 * @category Optimizers
 */
export interface StepDiagnostics {
  /** Which step it was: 1, 2, ... */
  readonly step: number;
  /** Root mean square of the gradient of the loss itself (not times `lossScale`), averaged over ranks, before it was clipped. */
  readonly gradientRms: number;
  /**
   * Share of the gradient's elements that are exactly 0, in this data-parallel rank's own part of the batch (with ZeRO
   * stage 2, where ranks keep no such gradient: of the average over ranks); undefined where gradients are forgotten.
   */
  readonly zeroGradients: number | undefined;
}

/**
 * A gradient, or this rank's part of one.
 *
 * @category Optimizers
 */
export interface HostGradient {
  /** Its elements. */
  readonly values: Float32Array;
  /** Groups whose ranks hold the other parts. */
  readonly groups: readonly ProcessGroup[];
}

/** A plan by which the step was taken. */
interface SteppedPlan<Measures> {
  readonly plan: StepPlan;
  /** The rule's part. */
  readonly passes: StepPasses<Measures>;
  /** What the loss was multiplied by. */
  readonly lossScale: number;
}

/** The inputs of `diagnose` besides the plans. */
export interface DiagnosticsInput {
  readonly device: Device;
  readonly groups: readonly ProcessGroup[];
  readonly gradientOf: (parameter: Parameter) => Promise<HostGradient | undefined>;
}

/** Every parameter of the plans by name, or each of its matrices as `name[0]`, ..., after a step; all ranks must call it. */
export async function diagnose<Measures>(
  plans: readonly SteppedPlan<Measures>[],
  input: DiagnosticsInput,
): Promise<Record<string, StepDiagnostics & Measures>> {
  const among = plans.flatMap(({ plan }) => plan.sources.map(({ parameter }) => parameter));
  const all: Record<string, StepDiagnostics & Measures> = {};
  for (const each of plans) Object.assign(all, await diagnosePlan(each, { ...input, among }));
  return all;
}

async function diagnosePlan<Measures>(
  { plan: { sources, blocks, sums }, passes, lossScale }: SteppedPlan<Measures>,
  { device, among, ...gradients }: DiagnosticsInput & {
    /** Parameters among which names are to be distinct. */
    readonly among: readonly Parameter[];
  },
): Promise<Record<string, StepDiagnostics & Measures>> {
  const values = new Float32Array((await device.read(sums)).buffer);
  const measures = await passes.measure(values);
  const parameters = sources.map(({ parameter }) => parameter);
  const zeros = await countZeros(parameters, gradients);
  const names = distinctNames(parameters, among);
  const firstOf = sources.map((_, source) => blocks.findIndex((block) => block.source === source));
  const nameOf = ({ source, state }: PlannedBlock, index: number) =>
    state.perMatrix ? `${names[source]}[${index - firstOf[source]}]` : names[source];
  return Object.fromEntries(
    blocks.map((block, index) => {
      const { gradientSquares: { offset, length }, parameter: { layout }, state, view } = block;
      const numElements = layout.globalShape.reduce((product, each) => product * each, 1);
      const squares = values.subarray(offset, offset + length).reduce((sum, each) => sum + each, 0);
      const numZeros = zeros[block.source];
      return [nameOf(block, index), {
        step: state.step,
        gradientRms: Math.sqrt(squares / Math.max(1, view.globalCount)) / lossScale,
        zeroGradients: numZeros === undefined ? undefined : numZeros / Math.max(1, numElements),
        ...measures[index],
      }];
    }),
  );
}

/** Zeros in each parameter's gradient, all its parts together; undefined where there is no gradient. */
async function countZeros(
  parameters: readonly Parameter[],
  { groups, gradientOf }: Pick<DiagnosticsInput, "groups" | "gradientOf">,
): Promise<(number | undefined)[]> {
  const counts = new Float32Array(parameters.length);
  const cutBy: (readonly ProcessGroup[] | undefined)[] = [];
  for (const [index, parameter] of parameters.entries()) {
    const gradient = await gradientOf(parameter);
    cutBy.push(gradient?.groups);
    for (const value of gradient?.values ?? []) if (value === 0) counts[index] += 1;
  }
  for (const group of groups) {
    const isCut = cutBy.map((groups) => groups?.includes(group) ?? false);
    const shared = counts.map((count, index) => isCut[index] ? count : 0);
    await group.allReduce(shared, { label: "zeros in gradients" });
    isCut.forEach((cut, index) => counts[index] = cut ? shared[index] : counts[index]);
  }
  return cutBy.map((groups, index) => groups === undefined ? undefined : counts[index]);
}
