// A tensor's dims in another order.

import { type Kernel, reads, writes } from "./kernel.ts";
import { elementwise } from "./shaders.ts";

/** out[i0, i1, i2, i3] = x[i0 stride0 + i1 stride1 + i2 stride2 + i3 stride3], out of [dim0, dim1, dim2, dim3] */
export const permute: Kernel<
  "x" | "out",
  "dim0" | "dim1" | "dim2" | "dim3" | "stride0" | "stride1" | "stride2" | "stride3"
> = {
  operands: { x: reads("f32", elements), out: writes("f32", elements) },
  params: {
    dim0: "u32",
    dim1: "u32",
    dim2: "u32",
    dim3: "u32",
    stride0: "u32",
    stride1: "u32",
    stride2: "u32",
    stride3: "u32",
  },
  shader: elementwise("permute", elements),
};

function elements(
  { dim0, dim1, dim2, dim3 }: { dim0: number; dim1: number; dim2: number; dim3: number },
): number {
  return dim0 * dim1 * dim2 * dim3;
}
