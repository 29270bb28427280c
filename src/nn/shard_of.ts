// This rank's part of a whole parameter, copied on the device, one split dim after the other:
//
//   x [outer, length, inner]  ->  [outer, stored, inner], indices begin..end of the middle, followed by zeros where it is padded

import type { ProcessGroup } from "../distributed/group.ts";
import type { Layout } from "../distributed/layout.ts";
import { inF32 } from "../ops/operands.ts";
import { Parameter } from "../tensor/parameter.ts";
import { elementCount, formatShape, sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * This rank's part of `whole`, for a layout with the parameter's whole shape; `whole` stays as it is.
 *
 * @throws {RangeError} if the parameter is split already, or has another shape.
 */
export function shardOf(whole: Parameter, layout: Layout<ProcessGroup>): Parameter {
  if (whole.layout.splits.length > 0) {
    throw new RangeError(
      `Cannot split ${whole.name} of shape ${formatShape(whole.layout.wholeShape)} again: ` +
        "make parallel layers from whole ones",
    );
  }
  if (!sameShape(whole.shape, layout.wholeShape)) {
    throw new RangeError(
      `Cannot split ${whole.name} of shape ${formatShape(whole.shape)} by a layout of shape ${
        formatShape(layout.wholeShape)
      }`,
    );
  }
  const { dtype, gradientDtype, name } = whole;
  const block = inF32([whole], (x) => blockOf(x, layout));
  const shard = new Parameter(whole.device, block.copyMemory(dtype), {
    layout,
    name,
    gradientDtype,
  });
  block.release();
  return shard;
}

/** As {@linkcode shardOf}, but releases `whole`. */
export function takeShard(whole: Parameter, layout: Layout<ProcessGroup>): Parameter {
  const shard = shardOf(whole, layout);
  whole[Symbol.dispose]();
  return shard;
}

/** A copy of this rank's block, padding included. */
function blockOf(whole: Tensor, layout: Layout<ProcessGroup>): Tensor {
  const shape = [...layout.globalShape];
  let block = whole.copy();
  for (const [dim, stored] of layout.localShape.entries()) {
    const length = shape[dim];
    const { begin, end } = layout.range(dim);
    if (stored === length && begin === 0) continue;
    const [outer, inner] = [elementCount(shape.slice(0, dim)), elementCount(shape.slice(dim + 1))];
    shape[dim] = stored;
    const part = Tensor.empty(block.device, shape);
    if (stored > end - begin) {
      const zeros = { offset: 0, length: part.length, value: 0 };
      part.device.run("fill", { out: part.buffer }, zeros);
    }
    block.device.run("copy_block", { x: block.buffer, out: part.buffer }, {
      rows: outer,
      cols: (end - begin) * inner,
      fromStride: length * inner,
      fromOffset: begin * inner,
      toStride: stored * inner,
      toOffset: 0,
    });
    block.release();
    block = part;
  }
  return block;
}
