// The three products of a convolution. A kernel [O, C / groups, p, q] is laid over images [B, C, H, W] at places [B, O, h, w]:
//
//   toPlaces         places = kernel columns,  columns [C p q, B h w] = unfold(images)
//   fromPlaces       images = fold(kernel^T places), the adjoint: the transposed convolution
//   kernelGradient   places columns^T
//
// Each is a gradient of the others. `unfold` and `fold` (src/device/kernels/windows.ts) move numbers, the matrix product does the
// work, with groups as a batch of products. Images are taken a few at a time, so that columns, which hold a number up to p q times,
// take at most 32 MiB, or those of one image.

import type { KernelParams } from "../device/kernels/registry.ts";
import { elementCount } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { columnSums } from "./add_bias.ts";
import { multiply } from "./matmul.ts";
import { inF32 } from "./operands.ts";

/** Two numbers: down and across. */
export type Pair = readonly [number, number];

/** Sizes of a convolution. */
export interface Convolution {
  /** B */
  readonly batch: number;
  /** C */
  readonly imageChannels: number;
  /** [H, W] */
  readonly image: Pair;
  /** O */
  readonly placeChannels: number;
  /** [h, w] */
  readonly places: Pair;
  /** [p, q] */
  readonly kernel: Pair;
  /** Parts of both channels that only see each other. */
  readonly groups: number;
  /** Distance of places. */
  readonly stride: Pair;
  /** Zeros above and to the left of an image. */
  readonly padding: Pair;
  /** Distance of a kernel's elements. */
  readonly dilation: Pair;
}

/** Places [B, O, h, w] over images [B, C, H, W], plus a bias [O]; records no gradient. */
export function toPlaces(
  { images, kernel, bias }: {
    readonly images: FloatTensor;
    readonly kernel: FloatTensor;
    readonly bias?: FloatTensor | undefined;
  },
  sizes: Convolution,
): Tensor {
  const { batch, placeChannels, places, groups } = sizes;
  const out = Tensor.empty(images.device, [batch, placeChannels, ...places]);
  inF32([images, kernel, bias], (images, kernel, bias) => {
    for (const { ofImages, ofPlaces } of partsOf(sizes)) {
      using columns = unfold(images, ofImages);
      using product = Tensor.empty(images.device, [placeChannels, columns.shape[1]]);
      multiply("matmul_nn", { a: kernel, b: columns, out: product }, {
        batch: groups,
        m: placeChannels / groups,
        n: columns.shape[1],
        k: columns.shape[0] / groups,
      });
      fold(product, ofPlaces, { bias, out });
    }
  });
  return out;
}

/** Images [B, C, H, W] of places [B, O, h, w], plus a bias [C]; records no gradient. */
export function fromPlaces(
  { places, kernel, bias }: {
    readonly places: FloatTensor;
    readonly kernel: FloatTensor;
    readonly bias?: FloatTensor | undefined;
  },
  sizes: Convolution,
): Tensor {
  const { batch, imageChannels, image, placeChannels, groups } = sizes;
  const out = Tensor.empty(places.device, [batch, imageChannels, ...image]);
  inF32([places, kernel, bias], (places, kernel, bias) => {
    for (const { ofImages, ofPlaces } of partsOf(sizes)) {
      using rows = unfold(places, ofPlaces);
      using columns = Tensor.empty(places.device, columnShape(ofImages));
      multiply("matmul_tn", { a: kernel, b: rows, out: columns }, {
        batch: groups,
        m: columns.shape[0] / groups,
        n: columns.shape[1],
        k: placeChannels / groups,
      });
      fold(columns, ofImages, { bias, out });
    }
  });
  return out;
}

/** The gradient [O, C / groups, p, q] of the kernel: sums over all places of all images. */
export function kernelGradient(
  { images, places }: { readonly images: FloatTensor; readonly places: FloatTensor },
  sizes: Convolution,
): Tensor {
  const { device } = images;
  const { imageChannels, placeChannels, kernel, groups } = sizes;
  const out = Tensor.empty(device, [placeChannels, imageChannels / groups, ...kernel]);
  device.run("fill", { out: out.buffer }, { offset: 0, length: out.length, value: 0 });
  inF32([images, places], (images, places) => {
    for (const { ofImages, ofPlaces } of partsOf(sizes)) {
      using columns = unfold(images, ofImages);
      using rows = unfold(places, ofPlaces);
      multiply("matmul_nt", { a: rows, b: columns, out }, {
        batch: groups,
        m: placeChannels / groups,
        n: columns.shape[0] / groups,
        k: columns.shape[1],
        accumulate: 1,
      });
    }
  });
  return out;
}

/** The gradient [C] of a bias that is added to every number of a channel of [B, C, H, W]. */
export function channelSums(dy: Tensor): Tensor {
  const [batch, channels, height, width] = dy.shape;
  using ofImages = Tensor.empty(dy.device, [batch, channels]);
  dy.device.run("row_sums", { x: dy.buffer, out: ofImages.buffer }, {
    rows: batch * channels,
    cols: height * width,
    accumulate: 0,
  });
  return columnSums(ofImages);
}

/** Windows of some of the images. */
type Windows = KernelParams<"unfold">;

/** A few images at a time. */
function* partsOf(sizes: Convolution): Generator<{
  readonly ofImages: Windows;
  /** Places as images with windows of one number each: `unfold` brings channels to the front, `fold` images. */
  readonly ofPlaces: Windows;
}> {
  const { batch, imageChannels, image, kernel, places, stride, padding, dilation } = sizes;
  const ofOneImage = elementCount([imageChannels, ...kernel, ...places]);
  const atOnce = Math.max(1, Math.floor(MAX_COLUMN_ELEMENTS / ofOneImage));
  for (let firstImage = 0; firstImage < batch; firstImage += atOnce) {
    const some = {
      firstImage,
      images: Math.min(atOnce, batch - firstImage),
      outHeight: places[0],
      outWidth: places[1],
    };
    yield {
      ofImages: {
        ...some,
        channels: imageChannels,
        height: image[0],
        width: image[1],
        kernelHeight: kernel[0],
        kernelWidth: kernel[1],
        strideHeight: stride[0],
        strideWidth: stride[1],
        paddingHeight: padding[0],
        paddingWidth: padding[1],
        dilationHeight: dilation[0],
        dilationWidth: dilation[1],
      },
      ofPlaces: {
        ...some,
        channels: sizes.placeChannels,
        height: places[0],
        width: places[1],
        kernelHeight: 1,
        kernelWidth: 1,
        strideHeight: 1,
        strideWidth: 1,
        paddingHeight: 0,
        paddingWidth: 0,
        dilationHeight: 1,
        dilationWidth: 1,
      },
    };
  }
}

function columnShape(windows: Windows): [number, number] {
  const { channels, kernelHeight, kernelWidth, images, outHeight, outWidth } = windows;
  return [channels * kernelHeight * kernelWidth, images * outHeight * outWidth];
}

/** images [B, C, H, W] -> columns [C p q, b h w] of b of them */
function unfold(images: Tensor, windows: Windows): Tensor {
  const columns = Tensor.empty(images.device, columnShape(windows));
  images.device.run("unfold", { x: images.buffer, columns: columns.buffer }, windows);
  return columns;
}

/** columns [C p q, b h w] -> b images of `out` [B, C, H, W], plus the bias [C] */
function fold(
  columns: Tensor,
  windows: Windows,
  { bias, out }: { readonly bias: Tensor | undefined; readonly out: Tensor },
): void {
  const { device } = columns;
  device.run(
    "fold",
    { columns: columns.buffer, bias: bias?.buffer ?? device.empty, out: out.buffer },
    { ...windows, biasLength: bias?.length ?? 0 },
  );
}

const MAX_COLUMN_ELEMENTS = 2 ** 23;
