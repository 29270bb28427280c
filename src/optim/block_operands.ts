// Where kernels find the blocks' tensors. A large one they take as it lies; small ones that do not lie in one buffer anyway
// (as the gradients that ZeRO has packed do) are copied together into one; and one that does not lie as kernels want it is
// copied into that order.

import type { Device, DeviceBuffer } from "../device/device.ts";
import type { GradientBlock } from "./adafactor_passes.ts";
import type { Block } from "./adafactor_plan.ts";
import { copyBack, copyBatchFirst, isInOrder } from "./block_order.ts";
import { runsOf } from "./block_runs.ts";

/** Where each block is to be found, in the order of `blocks`; `sources` says where they lie. Copies live on `scope`. */
export function operandsOf(
  blocks: readonly Block[],
  sources: readonly GradientBlock[],
  { device, scope }: { readonly device: Device; readonly scope: DisposableStack },
): GradientBlock[] {
  const operands: GradientBlock[] = [];
  const together = runsOf(
    { from: 0, to: blocks.length },
    (one, next) =>
      blocks[one].isSmall && blocks[next].isSmall && blocks[one].kind === blocks[next].kind,
  );
  for (const { firstBlock, numBlocks } of together) {
    const run = blocks.slice(firstBlock, firstBlock + numBlocks);
    const own = sources.slice(firstBlock, firstBlock + numBlocks);
    const isInPlace = own.every(({ buffer }) => buffer === own[0].buffer) &&
      run.every(({ view }) => isInOrder(view));
    operands.push(...isInPlace ? own : copied(run, own, { device, scope }));
  }
  return operands;
}

/** Puts what was copied back to where it lies. */
export function putBack(
  blocks: readonly Block[],
  operands: readonly GradientBlock[],
  { device, sources }: { readonly device: Device; readonly sources: readonly GradientBlock[] },
): void {
  for (const [index, { view }] of blocks.entries()) {
    const [block, copy] = [sources[index], operands[index]];
    if (copy !== block) copyBack(device, { block, copy, view });
  }
}

function copied(
  blocks: readonly Block[],
  sources: readonly GradientBlock[],
  { device, scope }: { readonly device: Device; readonly scope: DisposableStack },
): GradientBlock[] {
  const lengths = blocks.map(({ view: { batch, rows, cols } }) => batch * rows * cols);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const buffer: DeviceBuffer = scope.use(device.allocate(4 * total));
  let end = 0;
  return blocks.map(({ view }, index) => {
    const copy = { buffer, offset: end };
    end += lengths[index];
    copyBatchFirst(device, { block: sources[index], copy, view });
    return copy;
  });
}
