// Where optimizer state lies: all moments in one buffer, the momentum of small parameters in another, and that of every
// large one in a buffer of its own, so that kernels reach many parameters at once.

import type { Device, DeviceBuffer } from "../device/device.ts";
import type { Slice, State } from "./adafactor_state.ts";
import type { FactoredView } from "./factored_moment.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import { isSmall } from "./small_blocks.ts";

/** A block that needs state. */
interface Stateful {
  readonly hyper: Pick<Hyperparameters, "beta1">;
  readonly view: FactoredView<unknown>;
}

/** States before the first step, in the order of `blocks`, and the memory that they share. */
export function freshStates(
  device: Device,
  blocks: readonly Stateful[],
): { readonly states: State[]; readonly buffers: DeviceBuffer[] } {
  const momentsAt = runningTotals(blocks.map(({ view }) => momentsLength(view)));
  const small = blocks.map(({ hyper, view }) =>
    hyper.beta1 !== undefined && isSmall(view) ? elements(view) : 0
  );
  const momentumAt = runningTotals(small);
  const moments = zeros(device, momentsAt.at(-1)!);
  const shared = zeros(device, momentumAt.at(-1)!);
  const buffers = [moments, shared];
  const momentumOf = ({ hyper, view }: Stateful, index: number): Slice | undefined => {
    if (hyper.beta1 === undefined) return undefined;
    const length = elements(view);
    if (isSmall(view)) return { buffer: shared, offset: momentumAt[index], length };
    const buffer = zeros(device, length);
    buffers.push(buffer);
    return { buffer, offset: 0, length };
  };
  const states = blocks.map((block, index): State => ({
    step: 0,
    moments: { buffer: moments, offset: momentsAt[index], length: momentsLength(block.view) },
    momentum: momentumOf(block, index),
    squaresOf: -1,
  }));
  return { states, buffers };
}

function momentsLength({ batch, rows, cols }: FactoredView<unknown>): number {
  return batch * (rows + cols + 1);
}

function elements({ batch, rows, cols }: FactoredView<unknown>): number {
  return batch * rows * cols;
}

/** 0, then the sum of the first, of the first two, ... */
function runningTotals(lengths: readonly number[]): number[] {
  const totals = [0];
  for (const length of lengths) totals.push(totals.at(-1)! + length);
  return totals;
}

function zeros(device: Device, length: number): DeviceBuffer {
  const out = device.allocate(4 * length);
  device.run("fill", { out }, { offset: 0, length, value: 0 });
  return out;
}
