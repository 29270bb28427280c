// What the last step did to each parameter, from the sums that it left on the device: read once, when asked for.
//
//   RMS p = sqrt(P2 / n)   RMS u = sqrt(U2 / n)   d = max(1, RMS u / clipThreshold)   a = rho_t max(eps2, RMS p)
//
// All are of the whole parameter, on every rank alike. Zero gradients are counted on the host, where gradients still are.

import { STEP_WORDS, stepFields } from "../../device/block_table.ts";
import type { Device, DeviceBuffer } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { Block, Plan } from "../plan/plan.ts";
import { distinctNames } from "../../tensor/parameter_names.ts";

/** What one step did to one parameter. */
export interface ParameterDiagnostics {
  /** Which step it was: 1, 2, ... */
  readonly step: number;
  /** What the clipped update was multiplied by: the rate times the parameter's scale. */
  readonly stepSize: number;
  /** Root of the mean square of the parameter before the step. */
  readonly parameterRms: number;
  /** The same of the gradient of the loss itself (not times `lossScale`), averaged over ranks, before it was clipped. */
  readonly gradientRms: number;
  /** The same of the update before it was clipped. */
  readonly updateRms: number;
  /** What the update was divided by: 1 where it was not clipped. */
  readonly clipFactor: number;
  /**
   * Share of the gradient's elements that are exactly 0, in this data-parallel rank's own part of the batch (with ZeRO
   * stage 2, where ranks keep no such gradient: of the average over ranks); undefined where gradients are forgotten.
   */
  readonly zeroGradients: number | undefined;
}

/** A gradient, or this rank's part of one. */
export interface HostGradient {
  /** Its elements. */
  readonly values: Float32Array;
  /** Groups whose ranks hold the other parts. */
  readonly groups: readonly ProcessGroup[];
}

/** What diagnoses need besides the plan. */
export interface DiagnosticsInput {
  readonly device: Device;
  /** What the kernel adafactor_step_sizes left. */
  readonly steps: DeviceBuffer;
  readonly groups: readonly ProcessGroup[];
  /** What the loss was multiplied by. */
  readonly lossScale: number;
  readonly gradientOf: (parameter: Parameter) => Promise<HostGradient | undefined>;
}

/** Every parameter of the plan by name (with `perMatrix` `name[0]`, ...), after a step; all ranks must call it. */
export async function diagnose(
  { sources, blocks, sums }: Plan,
  { device, steps, lossScale, ...gradients }: DiagnosticsInput,
): Promise<Record<string, ParameterDiagnostics>> {
  const values = new Float32Array((await device.read(sums)).buffer);
  const records = new Float32Array((await device.read(steps)).buffer);
  const parameters = sources.map(({ parameter }) => parameter);
  const zeros = await countZeros(parameters, gradients);
  const names = distinctNames(parameters, parameters);
  const firstOf = sources.map((_, source) => blocks.findIndex((block) => block.source === source));
  const nameOf = ({ source, hyper }: Block, index: number) =>
    hyper.perMatrix ? `${names[source]}[${index - firstOf[source]}]` : names[source];
  return Object.fromEntries(
    blocks.map((block, index) => [
      nameOf(block, index),
      diagnoseBlock(block, {
        values,
        lossScale,
        step: records.subarray(STEP_WORDS * index, STEP_WORDS * (index + 1)),
        zeros: zeros[block.source],
      }),
    ]),
  );
}

function diagnoseBlock(
  { gradientSquares, state, parameter: { layout }, view: { globalCount } }: Block,
  { values, step, lossScale, zeros }: {
    readonly values: Float32Array;
    readonly step: Float32Array;
    readonly lossScale: number;
    readonly zeros: number | undefined;
  },
): ParameterDiagnostics {
  const { offset, length } = gradientSquares;
  const numElements = layout.globalShape.reduce((product, each) => product * each, 1);
  const squares = values.subarray(offset, offset + length).reduce((sum, each) => sum + each, 0);
  return {
    step: state.step,
    // Uphill it is negative.
    stepSize: Math.abs(step[STEP_FIELDS.indexOf("a")]),
    parameterRms: step[STEP_FIELDS.indexOf("paramRms")],
    gradientRms: Math.sqrt(squares / globalCount) / lossScale,
    updateRms: step[STEP_FIELDS.indexOf("updateRms")],
    clipFactor: step[STEP_FIELDS.indexOf("d")],
    zeroGradients: zeros === undefined ? undefined : zeros / numElements,
  };
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
    await group.allReduce(shared);
    isCut.forEach((cut, index) => counts[index] = cut ? shared[index] : counts[index]);
  }
  return cutBy.map((groups, index) => groups === undefined ? undefined : counts[index]);
}

const STEP_FIELDS = Object.keys(stepFields);
