// Windows of images as columns, and their adjoint, as the comments in src/device/kernels/windows.ts define them.

import type { KernelParams } from "../../src/device/kernels/registry.ts";
import type { Reference } from "./reference.ts";

export const unfold: Reference<"unfold"> = ({ x, columns }, params) => {
  columns.fill(0, 0, lengthOf(params));
  for (const [column, element] of pairs(params)) columns[column] = x[element]!;
};

export const fold: Reference<"fold"> = ({ columns, bias, out }, params) => {
  const { firstImage, images, channels, height, width, biasLength } = params;
  const plane = height * width;
  for (let i = firstImage * channels * plane; i < (firstImage + images) * channels * plane; i++) {
    out[i] = biasLength === 0 ? 0 : bias[Math.floor(i / plane) % channels]!;
  }
  for (const [column, element] of pairs(params)) out[element]! += columns[column]!;
};

function lengthOf(params: KernelParams<"unfold">): number {
  const { images, channels, kernelHeight, kernelWidth, outHeight, outWidth } = params;
  return channels * kernelHeight * kernelWidth * images * outHeight * outWidth;
}

/** The place of every column that is inside of an image, and the place of its number in the images. */
function* pairs(params: KernelParams<"unfold">): Generator<readonly [number, number]> {
  let column = 0;
  for (let c = 0; c < params.channels; c++) {
    for (let i = 0; i < params.kernelHeight; i++) {
      for (let j = 0; j < params.kernelWidth; j++) {
        for (let b = params.firstImage; b < params.firstImage + params.images; b++) {
          for (let oy = 0; oy < params.outHeight; oy++) {
            for (let ox = 0; ox < params.outWidth; ox++, column++) {
              const y = oy * params.strideHeight + i * params.dilationHeight - params.paddingHeight;
              const x = ox * params.strideWidth + j * params.dilationWidth - params.paddingWidth;
              if (y < 0 || y >= params.height || x < 0 || x >= params.width) continue;
              yield [column, ((b * params.channels + c) * params.height + y) * params.width + x];
            }
          }
        }
      }
    }
  }
}
