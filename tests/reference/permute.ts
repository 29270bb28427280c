// Dims in another order, as the comment in src/device/kernels/ defines it.

import type { Reference } from "./reference.ts";

export const permute: Reference<"permute"> = ({ x, out }, params) => {
  const { dim0, dim1, dim2, dim3, stride0, stride1, stride2, stride3 } = params;
  let at = 0;
  for (let i0 = 0; i0 < dim0; i0++) {
    for (let i1 = 0; i1 < dim1; i1++) {
      for (let i2 = 0; i2 < dim2; i2++) {
        for (let i3 = 0; i3 < dim3; i3++) {
          out[at++] = x[i0 * stride0 + i1 * stride1 + i2 * stride2 + i3 * stride3]!;
        }
      }
    }
  }
};
