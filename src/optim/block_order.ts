// Blocks whose batch does not come first in memory, or that have pads, copied into the order that kernels want, and back.
//
//   padded          runs of elements with pads between them
//   row batch col   [rows, batch, cols]: per matrix, `rows` runs of `cols` elements
//   row col batch   [rows, cols, batch], a convolution's [out, in, height width]: single elements, `batch` apart

import type { Device } from "../device/device.ts";
import type { KernelParams } from "../device/kernels.ts";
import type { GradientBlock } from "./adafactor_passes.ts";
import type { FactoredView } from "./factored_moment.ts";

/** Where a block lies, and how. */
interface Placed {
  readonly device: Device;
  readonly block: GradientBlock;
  readonly view: FactoredView<unknown>;
}

/** The block itself if it is one run with its batch first, else a copy that is; it lives on `scope`. */
export function batchFirst({ device, block, view }: Placed, scope: DisposableStack): GradientBlock {
  if (isInPlace(view)) return block;
  const { batch, rows, cols } = view;
  const copy = { buffer: scope.use(device.allocate(4 * batch * rows * cols)), offset: 0 };
  for (const { inBlock, inCopy, rows, cols } of matricesOf(block, view)) {
    device.run("copy_block", { x: block.buffer, out: copy.buffer }, {
      ...{ rows, cols, fromStride: inBlock.stride, fromOffset: inBlock.offset },
      ...{ toStride: inCopy.stride, toOffset: inCopy.offset },
    });
  }
  return copy;
}

/** Overwrites the block by `copy`, which `batchFirst` made of it. */
export function putBack(copy: GradientBlock, { device, block, view }: Placed): void {
  if (isInPlace(view)) return;
  for (const { inBlock, inCopy, rows, cols } of matricesOf(block, view)) {
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

function isInPlace({ order, paddedRuns }: FactoredView<unknown>): boolean {
  return order === "batch row col" && paddedRuns === undefined;
}

/** Each matrix of the batch as runs, in the block and in the copy. */
function matricesOf(
  { offset }: GradientBlock,
  { batch, rows, cols, order, paddedRuns }: FactoredView<unknown>,
): (Pick<KernelParams<"copy_block">, "rows" | "cols"> & { inBlock: Run; inCopy: Run })[] {
  if (paddedRuns !== undefined) {
    const { count, length, stride } = paddedRuns;
    return [{
      ...{ rows: count, cols: length },
      ...{ inBlock: { stride, offset }, inCopy: { stride: length, offset: 0 } },
    }];
  }
  return Array.from({ length: batch }, (_, b) =>
    order === "row col batch"
      ? {
        ...{ rows: rows * cols, cols: 1 },
        inBlock: { stride: batch, offset: offset + b },
        inCopy: { stride: 1, offset: b * rows * cols },
      }
      : {
        ...{ rows, cols },
        inBlock: { stride: batch * cols, offset: offset + b * cols },
        inCopy: { stride: cols, offset: b * rows * cols },
      });
}
