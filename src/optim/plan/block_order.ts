// Blocks whose batch does not come first in memory, or that have pads, copied into the order that kernels want, and back.
//
//   padded          runs of elements with pads between them
//   row batch col   [rows, batch, cols]: per matrix, `rows` runs of `cols` elements
//   row col batch   [rows, cols, batch], a convolution's [out, in, height width]: single elements, `batch` apart
//
// Between element types too: only f32 is put in order, so that 16-bit blocks are widened on the way and rounded back.

import type { Device } from "../../device/device.ts";
import type { KernelParams } from "../../device/kernels/registry.ts";
import type { GradientBlock } from "../step/passes.ts";
import type { FactoredView } from "../factoring/factored_view.ts";
import { copyRun } from "../zero/packing.ts";

/** A block as the parameter has it, and a copy of it as kernels want it: f32 unless it is in order. */
export interface BlockCopy {
  readonly block: GradientBlock;
  readonly copy: GradientBlock;
  readonly view: FactoredView<unknown>;
}

/** Whether a block is one run in memory with its batch first. */
export function isInOrder({ order, paddedRuns }: FactoredView<unknown>): boolean {
  return order === "batch row col" && paddedRuns === undefined;
}

/** Fills the copy. */
export function copyBatchFirst(device: Device, { block, copy, view }: BlockCopy): void {
  const [from, to] = [stored(block), stored(copy)];
  if (isInOrder(view)) return copyRun(from, to, view.batch * view.rows * view.cols);
  using scope = new DisposableStack();
  const inOrder = widened(device, { block, view }, scope);
  for (const { inBlock, inCopy, rows, cols } of matricesOf({ block: inOrder, copy, view })) {
    device.run("copy_block", { x: inOrder.buffer, out: copy.buffer }, {
      rows,
      cols,
      fromStride: inBlock.stride,
      fromOffset: inBlock.offset,
      toStride: inCopy.stride,
      toOffset: inCopy.offset,
    });
  }
}

/** Overwrites the block by the copy. */
export function copyBack(device: Device, { block, copy, view }: BlockCopy): void {
  const [to, from] = [stored(block), stored(copy)];
  if (isInOrder(view)) return copyRun(from, to, view.batch * view.rows * view.cols);
  using scope = new DisposableStack();
  const inOrder = widened(device, { block, view }, scope);
  for (const { inBlock, inCopy, rows, cols } of matricesOf({ block: inOrder, copy, view })) {
    device.run("copy_block", { x: copy.buffer, out: inOrder.buffer }, {
      rows,
      cols,
      fromStride: inCopy.stride,
      fromOffset: inCopy.offset,
      toStride: inBlock.stride,
      toOffset: inBlock.offset,
    });
  }
  if (inOrder !== block) copyRun(stored(inOrder), to, spanOf(view));
}

/** A block with its type said. */
export function stored({ buffer, offset, dtype = "f32" }: GradientBlock) {
  return { buffer, offset, dtype };
}

/** The block as f32, pads included. */
function widened(
  device: Device,
  { block, view }: Pick<BlockCopy, "block" | "view">,
  scope: DisposableStack,
): GradientBlock {
  if (stored(block).dtype === "f32") return block;
  const length = spanOf(view);
  const copy = { buffer: scope.use(device.allocate(4 * length)), offset: 0 };
  copyRun(stored(block), stored(copy), length);
  return copy;
}

/** Elements from the block's first to its last. */
function spanOf({ batch, rows, cols, paddedRuns }: FactoredView<unknown>): number {
  if (paddedRuns === undefined) return batch * rows * cols;
  const { count, length, stride } = paddedRuns;
  return count === 0 ? 0 : (count - 1) * stride + length;
}

interface Run {
  readonly stride: number;
  readonly offset: number;
}

/** The block as matrices that lie in runs, both in the parameter and in the copy. */
function matricesOf(
  { block, copy, view: { batch, rows, cols, order, paddedRuns } }: BlockCopy,
): (Pick<KernelParams<"copy_block">, "rows" | "cols"> & { inBlock: Run; inCopy: Run })[] {
  if (paddedRuns !== undefined) {
    const { count, length, stride } = paddedRuns;
    return [{
      rows: count,
      cols: length,
      inBlock: { stride, offset: block.offset },
      inCopy: { stride: length, offset: copy.offset },
    }];
  }
  return Array.from({ length: batch }, (_, b) => {
    const inCopy = copy.offset + b * rows * cols;
    return order === "row col batch"
      ? {
        rows: rows * cols,
        cols: 1,
        inBlock: { stride: batch, offset: block.offset + b },
        inCopy: { stride: 1, offset: inCopy },
      }
      : {
        rows,
        cols,
        inBlock: { stride: batch * cols, offset: block.offset + b * cols },
        inCopy: { stride: cols, offset: inCopy },
      };
  });
}
