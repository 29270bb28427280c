// Copies blocks whose batch does not come first in memory, or that have pads, into the order that kernels expect, and back.
//
//   padded          runs of elements with pads between them
//   row batch col   [rows, batch, cols]: per matrix, `rows` runs of `cols` elements
//   row col batch   [rows, cols, batch], a convolution's [out, in, height width]: single elements, `batch` apart
//
// Between element types too: only f32 is put in order, so that 16-bit blocks are widened on the way and rounded back.

import type { Device } from "../../device/device.ts";
import type { KernelParams } from "../../device/kernels/registry.ts";
import { copyRange, type DeviceRange } from "../../tensor/device_range.ts";
import { type FactoredView, spanOf } from "../factoring/factored_view.ts";

/** A block as it is stored, and a copy of it in the order that kernels expect: f32 unless the orders agree. */
export interface BlockCopy {
  readonly block: DeviceRange;
  readonly copy: DeviceRange;
  readonly view: FactoredView<unknown>;
}

/** Whether a block is one run in memory with its batch first. */
export function isInOrder({ order, paddedRuns }: FactoredView<unknown>): boolean {
  return order === "batch row col" && paddedRuns === undefined;
}

/** Fills the copy. */
export function copyBatchFirst(device: Device, { block, copy, view }: BlockCopy): void {
  if (isInOrder(view)) return copyRange({ ...block, length: spanOf(view) }, copy);
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
  if (isInOrder(view)) return copyRange({ ...copy, length: spanOf(view) }, block);
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
  if (inOrder !== block) copyRange(inOrder, block);
}

/** The block as f32, pads included. */
function widened(
  device: Device,
  { block, view }: Pick<BlockCopy, "block" | "view">,
  scope: DisposableStack,
): DeviceRange {
  if (block.dtype === "f32") return block;
  const length = spanOf(view);
  const buffer = scope.use(device.allocate(4 * length));
  const copy: DeviceRange = { buffer, offset: 0, length, dtype: "f32" };
  copyRange({ ...block, length }, copy);
  return copy;
}

/** Rows of a matrix in memory: where the first begins, and from the begin of one to that of the next. */
interface StridedRows {
  readonly stride: number;
  readonly offset: number;
}

/** The block as matrices, both in the parameter and in the copy. */
function matricesOf(
  { block, copy, view: { batch, rows, cols, order, paddedRuns } }: BlockCopy,
): (Pick<KernelParams<"copy_block">, "rows" | "cols"> & {
  inBlock: StridedRows;
  inCopy: StridedRows;
})[] {
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
