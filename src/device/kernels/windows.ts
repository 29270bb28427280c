// Windows of images, for convolutions: every place of a kernel over every image, as the columns of a matrix, and back.

import { type Kernel, type ParamFormat, type ParamValues, reads, writes } from "./kernel.ts";
import { elementwise } from "./shaders.ts";

const params = {
  // Images are [all, channels, height, width], of which `images` from firstImage on are used.
  firstImage: "u32",
  images: "u32",
  channels: "u32",
  height: "u32",
  width: "u32",
  kernelHeight: "u32",
  kernelWidth: "u32",
  // How many places the kernel has, down and across.
  outHeight: "u32",
  outWidth: "u32",
  strideHeight: "u32",
  strideWidth: "u32",
  // Zeros above and to the left; those below and to the right follow from the number of places.
  paddingHeight: "u32",
  paddingWidth: "u32",
  dilationHeight: "u32",
  dilationWidth: "u32",
} as const satisfies Record<string, ParamFormat>;

// The kernels divide by strides.
const rules = [
  ({ strideHeight, strideWidth }: { strideHeight: number; strideWidth: number }) =>
    strideHeight > 0 && strideWidth > 0
      ? undefined
      : `strides must be from 1, got ${strideHeight} and ${strideWidth}`,
];

type WindowParam = keyof typeof params;
type WindowParams = ParamValues<WindowParam>;

/**
 * columns[c, i, j, b, oy, ox] = x[firstImage + b, c, y, x] with y = oy strideHeight + i dilationHeight - paddingHeight, x likewise;
 * 0 outside of the image
 */
export const unfold: Kernel<"x" | "columns", WindowParam> = {
  operands: { x: reads("f32", imageWords), columns: writes("f32", columnWords) },
  params,
  rules,
  shader: elementwise("unfold", columnWords),
};

/**
 * The adjoint: out[firstImage + b, c, y, x] = bias[c] + the sum of columns[c, i, j, b, oy, ox] over all i, j with such a place, in
 * their order. The images before firstImage stay. biasLength is channels, or 0 for none (bind `device.empty`).
 */
export const fold: Kernel<"columns" | "bias" | "out", WindowParam | "biasLength"> = {
  operands: {
    columns: reads("f32", columnWords),
    bias: reads("f32", ({ biasLength }) => biasLength),
    out: writes("f32", imageWords),
  },
  params: { ...params, biasLength: "u32" },
  rules: [
    ...rules,
    ({ biasLength, channels }) =>
      biasLength === 0 || biasLength === channels
        ? undefined
        : `biasLength must be 0 or channels = ${channels}, got ${biasLength}`,
  ],
  shader: elementwise(
    "fold",
    ({ images, channels, height, width }) => images * channels * height * width,
  ),
};

function imageWords({ firstImage, images, channels, height, width }: WindowParams): number {
  return (firstImage + images) * channels * height * width;
}

function columnWords(
  { images, channels, kernelHeight, kernelWidth, outHeight, outWidth }: WindowParams,
): number {
  return channels * kernelHeight * kernelWidth * images * outHeight * outWidth;
}
