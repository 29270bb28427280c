// The norm of all gradients of a step together, sqrt(sum over parameters of sum g^2), from the sums that the step left on the device:
// they are of the whole parameters, added up over all ranks, so that every rank reads the same number and none is sent for it.

import type { Device } from "../../device/device.ts";
import type { StepPlan } from "../plan/step_plan.ts";

/** The norm, after a step that took place by these plans. */
export async function gradientNorm(
  plans: readonly {
    readonly plan: Pick<StepPlan, "blocks" | "sums">;
    /** What the loss was multiplied by. */
    readonly gradientScale: number;
  }[],
  device: Device,
): Promise<number> {
  const squares: number[] = [];
  for (const { plan, gradientScale } of plans) {
    for (const each of await squaresOf(plan, device)) squares.push(each / gradientScale ** 2);
  }
  // In an order that does not depend on the plans.
  return Math.sqrt(squares.sort((a, b) => a - b).reduce((sum, each) => sum + each, 0));
}

/** The sum of g^2 of each block. */
async function squaresOf(
  { blocks, sums }: Pick<StepPlan, "blocks" | "sums">,
  device: Device,
): Promise<number[]> {
  const slots = blocks.map(({ gradientSquares }) => gradientSquares);
  const begin = Math.min(...slots.map(({ offset }) => offset));
  const end = Math.max(...slots.map(({ offset, length }) => offset + length));
  const range = { byteOffset: 4 * begin, byteLength: 4 * (end - begin) };
  const values = new Float32Array((await device.read(sums, range)).buffer);
  return blocks.map(({ record: { batchSlots, rowSlots }, gradientSquares: { offset } }) => {
    const first = offset - begin;
    const ofMatrices = Array.from(
      { length: batchSlots },
      (_, k) => treeOf(values.subarray(first + k * rowSlots, first + (k + 1) * rowSlots)),
    );
    return treeOf(ofMatrices);
  });
}

/** Slots added as kernels and all-reduces add them (device/block_table.ts): the same bits, however many slots a mesh needs. */
function treeOf(values: ArrayLike<number>, begin = 0, end = values.length): number {
  if (end - begin <= 1) return begin === end ? 0 : values[begin];
  const middle = begin + Math.ceil((end - begin) / 2);
  return Math.fround(treeOf(values, begin, middle) + treeOf(values, middle, end));
}
