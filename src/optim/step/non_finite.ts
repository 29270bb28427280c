// Finds gradients that are not finite by their sums: a NaN or infinite element makes its matrix's sum of squares so.
//
// Several ranks: they report it to each other in the first exchange; all of them stop, before anything has changed.
// One device: nothing is read in mid-step. The kernels leave everything as it was where the guard word is set
// (adafactor_scale_gradients), and the host reads it at the end.

import type { Device, DeviceBuffer } from "../../device/device.ts";
import type { PlannedBlock } from "../plan/step_plan.ts";
import type { HostSums, SumSlots } from "../sums/packed_sums.ts";
import { distinctNames } from "../../tensor/parameter_names.ts";

/**
 * A gradient is NaN or infinite, or its square is. The step that found it changed nothing, unless it was that of `backwardAndStep()`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Adafactor, mean, NonFiniteGradientError, Parameter } from "@meshfactor/adafactor";
 * import { requestDevice, scale } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice();
 * using weight = new Parameter(device, [1, 2], { shape: [2] });
 * using optim = new Adafactor([weight], { lr: 1e-3 });
 * using loss = mean(scale(weight, Infinity));
 * await optim.backward(loss);
 * await assert.rejects(optim.step(), NonFiniteGradientError);
 * assert.deepEqual(await weight.data(), new Float32Array([1, 2]));
 * ```
 *
 * @category Optimizers
 */
export class NonFiniteGradientError extends Error {
  /** "NonFiniteGradientError" */
  override readonly name = "NonFiniteGradientError";
  /** Names of the parameters concerned, as far as this rank knows them; with position and shape where names repeat. */
  readonly parameters: readonly string[];

  /** Takes the names of the parameters, and what became of the others. */
  constructor(parameters: readonly string[], others = "nothing was changed") {
    super(
      `Cannot step as the gradient of ${
        parameters.join(", ")
      } is NaN or infinite (or too large to square): ` +
        `${others}; lower the learning rate or check the batch`,
    );
    this.parameters = parameters;
  }
}

/** Raises this rank's flag for every block whose gradient is not finite. */
export function markNonFinite(
  blocks: readonly PlannedBlock[],
  host: HostSums,
  numNonFinite: SumSlots,
): void {
  const flags = host.of(numNonFinite);
  for (const [index, { gradientSquares }] of blocks.entries()) {
    flags[index] = allFinite(host.of(gradientSquares)) ? 0 : 1;
  }
}

/** @throws {NonFiniteGradientError} if any rank raised a flag, or a sum over ranks is not finite. */
export function refuseNonFinite(
  blocks: readonly PlannedBlock[],
  host: HostSums,
  numNonFinite: SumSlots,
): void {
  const flags = host.of(numNonFinite);
  const bad = blocks.filter(({ gradientSquares }, index) =>
    flags[index] > 0 || !allFinite(host.of(gradientSquares))
  );
  if (bad.length > 0) throw new NonFiniteGradientError(namesOf(bad, blocks));
}

interface Guarded {
  readonly device: Device;
  readonly sums: DeviceBuffer;
  readonly guard: DeviceBuffer;
}

/** @throws {NonFiniteGradientError} if the guard word is set. */
export async function refuseGuarded(
  blocks: readonly PlannedBlock[],
  { device, sums, guard }: Guarded,
): Promise<void> {
  const [word] = new Uint32Array((await device.read(guard)).buffer);
  if (word === 0) return;
  const values = new Float32Array((await device.read(sums)).buffer);
  const bad = blocks.filter(({ gradientSquares: { offset, length } }) =>
    !allFinite(values.subarray(offset, offset + length))
  );
  throw new NonFiniteGradientError(namesOf(bad, blocks));
}

function namesOf(bad: readonly PlannedBlock[], blocks: readonly PlannedBlock[]): string[] {
  const [of, among] = [bad, blocks].map((some) => [
    ...new Set(some.map(({ parameter }) => parameter)),
  ]);
  return distinctNames(of, among);
}

function allFinite(values: Float32Array): boolean {
  return values.every((value) => Number.isFinite(value));
}
