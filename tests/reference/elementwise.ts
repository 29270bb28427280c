// Kernels that treat each element alone.

import type { Reference } from "./reference.ts";

export const add: Reference<"add"> = ({ a, b, out }, { length }) => {
  for (let i = 0; i < length; i++) out[i] = a[i]! + b[i]!;
};

export const mul: Reference<"mul"> = ({ a, b, out }, { length }) => {
  for (let i = 0; i < length; i++) out[i] = a[i]! * b[i]!;
};

export const addBias: Reference<"add_bias"> = ({ x, bias, out }, { rows, cols }) => {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) out[r * cols + c] = x[r * cols + c]! + bias[c]!;
  }
};

export const scale: Reference<"scale"> = ({ x, out }, { length, factor }) => {
  for (let i = 0; i < length; i++) out[i] = factor * x[i]!;
};

export const scaleBy: Reference<"scale_by"> = ({ x, factor, out }, { length }) => {
  for (let i = 0; i < length; i++) out[i] = factor[0]! * x[i]!;
};

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
