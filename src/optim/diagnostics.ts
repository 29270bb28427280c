// What the last step did to each parameter, from the sums that it left on the device: read once, when asked for.
//
//   RMS p = sqrt(P2 / n)   RMS u = sqrt(U2 / n)   d = max(1, RMS u / clipThreshold)   a = rho_t max(eps2, RMS p)
//
// All are of the whole parameter, on every rank alike. Zero gradients are counted on the host, where gradients still are.

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../dist/group.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Block, Plan } from "./adafactor_plan.ts";
import type { SumSlots } from "./packed_sums.ts";
import { distinctNames } from "./parameter_names.ts";

/** What one step did to one parameter. */
export interface ParameterDiagnostics {
  /** Which step it was: 1, 2, ... */
  readonly step: number;
  /** What the clipped update was multiplied by: the rate times the parameter's scale. */
  readonly stepSize: number;
  /** Root of the mean square of the parameter before the step. */
  readonly parameterRms: number;
  /** The same of the gradient, averaged over ranks, before it was scaled or clipped. */
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
  readonly values: Float32Array;
  /** Groups whose ranks hold the other parts. */
  readonly groups: readonly ProcessGroup[];
}

/** What diagnoses need besides the plan. */
export interface DiagnosticsInput {
  readonly device: Device;
  readonly groups: readonly ProcessGroup[];
  readonly gradientOf: (parameter: Parameter) => Promise<HostGradient | undefined>;
}

/** Every parameter of the plan by name, after a step; all ranks must call it. */
export async function diagnose(
  { blocks, sums }: Plan,
  { device, ...gradients }: DiagnosticsInput,
): Promise<Record<string, ParameterDiagnostics>> {
  const values = new Float32Array((await device.read(sums)).buffer);
  const parameters = blocks.map(({ parameter }) => parameter);
  const zeros = await countZeros(parameters, gradients);
  const names = distinctNames(parameters, parameters);
  return Object.fromEntries(
    blocks.map((block, index) => [
      names[index],
      diagnoseBlock(block, { values, zeros: zeros[index] }),
    ]),
  );
}

function diagnoseBlock(
  block: Block,
  { values, zeros }: { readonly values: Float32Array; readonly zeros: number | undefined },
): ParameterDiagnostics {
  const { hyper, state: { step }, view: { globalCount } } = block;
  const rms = ({ offset, length }: SumSlots) => {
    const squares = values.subarray(offset, offset + length);
    return Math.sqrt(squares.reduce((sum, each) => sum + each, 0) / globalCount);
  };
  // The step count has moved on: its predecessor's slot has the sum before the step.
  const parameterRms = rms(block.paramSquares[(step - 1) % 2]);
  const updateRms = rms(block.updateSquares);
  const scale = Math.min(Math.max(hyper.scaleFloor, parameterRms), hyper.scaleCeiling);
  return {
    step,
    stepSize: hyper.rate(step) * (hyper.scaleParameter ? scale : 1),
    parameterRms,
    // Where ranks exchange sums, `total` may be one rank's share.
    gradientRms: rms(block.gradientSquares.length > 0 ? block.gradientSquares : block.total),
    updateRms,
    clipFactor: Math.max(1, updateRms / hyper.clipThreshold),
    zeroGradients: zeros === undefined ? undefined : zeros / globalCount,
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
