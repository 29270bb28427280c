// Kernels that write a part of their result, or add to it.

import type { Reference } from "./reference.ts";

export const accumulate: Reference<"accumulate"> = ({ x, out }, { length, factor }) => {
  for (let i = 0; i < length; i++) out[i]! += factor * x[i]!;
};

export const fill: Reference<"fill"> = ({ out }, { offset, length, value }) => {
  for (let i = offset; i < offset + length; i++) out[i] = value;
};

export const copyBlock: Reference<"copy_block"> = ({ x, out }, params) => {
  const { rows, cols, fromStride, fromOffset, toStride, toOffset } = params;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      out[r * toStride + toOffset + c] = x[r * fromStride + fromOffset + c]!;
    }
  }
};
