// Blocks whose batch does not come first in memory, copied into the order that kernels want, and back.
//
//   row batch col   [rows, batch, cols]: per matrix, `rows` runs of `cols` elements
//   row col batch   [rows, cols, batch], a convolution's [out, in, height width]: single elements, `batch` apart

import type { Device } from "../device/device.ts";
import type { KernelParams } from "../device/kernels.ts";
import type { GradientBlock } from "./adafactor_passes.ts";
import type { FactoredView } from "./factored_moment.ts";

/** A block as the parameter has it, and a copy of it whose batch comes first. */
export interface BlockCopy {
  readonly block: GradientBlock;
  readonly copy: GradientBlock;
  readonly view: FactoredView<unknown>;
}

/** Fills the copy. */
export function copyBatchFirst(device: Device, { block, copy, view }: BlockCopy): void {
  const { batch, rows, cols, order } = view;
  if (order === "batch row col") {
    const length = batch * rows * cols;
    device.copy(block.buffer, 4 * block.offset, copy.buffer, 4 * copy.offset, 4 * length);
    return;
  }
  for (const { inBlock, inCopy, rows, cols } of matricesOf({ block, copy, view })) {
    device.run("copy_block", { x: block.buffer, out: copy.buffer }, {
      ...{ rows, cols, fromStride: inBlock.stride, fromOffset: inBlock.offset },
      ...{ toStride: inCopy.stride, toOffset: inCopy.offset },
    });
  }
}

/** Overwrites the block by the copy. */
export function copyBack(device: Device, { block, copy, view }: BlockCopy): void {
  const { batch, rows, cols, order } = view;
  if (order === "batch row col") {
    const length = batch * rows * cols;
    device.copy(copy.buffer, 4 * copy.offset, block.buffer, 4 * block.offset, 4 * length);
    return;
  }
  for (const { inBlock, inCopy, rows, cols } of matricesOf({ block, copy, view })) {
    device.run("copy_block", { x: copy.buffer, out: block.buffer }, {
      ...{ rows, cols, fromStride: inCopy.stride, fromOffset: inCopy.offset },
      ...{ toStride: inBlock.stride, toOffset: inBlock.offset },
    });
  }
}

interface Run {
  readonly stride: number;
  readonly offset: number;
}

/** Each matrix of the batch as runs, in the block and in the copy. */
function matricesOf(
  { block, copy, view: { batch, rows, cols, order } }: BlockCopy,
): (Pick<KernelParams<"copy_block">, "rows" | "cols"> & { inBlock: Run; inCopy: Run })[] {
  return Array.from({ length: batch }, (_, b) => {
    const inCopy = copy.offset + b * rows * cols;
    return order === "row col batch"
      ? {
        ...{ rows: rows * cols, cols: 1 },
        inBlock: { stride: batch, offset: block.offset + b },
        inCopy: { stride: 1, offset: inCopy },
      }
      : {
        ...{ rows, cols },
        inBlock: { stride: batch * cols, offset: block.offset + b * cols },
        inCopy: { stride: cols, offset: inCopy },
      };
  });
}
