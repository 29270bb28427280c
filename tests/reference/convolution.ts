// Convolution of images and its transpose, as plain loops over float64.

/** Sizes of a convolution of [B, C, H, W] to [B, O, h, w]; pairs are for height and width. */
export interface ConvolutionSizes {
  readonly batch: number;
  readonly channels: number;
  readonly image: readonly [number, number];
  readonly outChannels: number;
  readonly places: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** y[b, o, oy, ox] = bias[o] + sum of weight[o, c, i, j] x[b, c, y, x] */
export function convolution(
  { x, weight, bias }: { x: number[]; weight: number[]; bias?: number[] | undefined },
  sizes: ConvolutionSizes,
): number[] {
  const { batch, outChannels, places } = sizes;
  const plane = places[0] * places[1];
  const y = Array.from(
    { length: batch * outChannels * plane },
    (_, at) => bias?.[Math.floor(at / plane) % outChannels] ?? 0,
  );
  for (const { image, place, element } of terms(sizes)) y[place]! += weight[element]! * x[image]!;
  return y;
}

/** The transpose: images [B, C, H, W] of x [B, O, h, w]. */
export function transposedConvolution(
  { x, weight, bias }: { x: number[]; weight: number[]; bias?: number[] | undefined },
  sizes: ConvolutionSizes,
): number[] {
  const { batch, channels, image: [height, width] } = sizes;
  const y = Array.from(
    { length: batch * channels * height * width },
    (_, at) => bias?.[Math.floor(at / (height * width)) % channels] ?? 0,
  );
  for (const { image, place, element } of terms(sizes)) {
    y[image]! += weight[element]! * x[place]!;
  }
  return y;
}

/** Every product of the convolution, as positions in the images, in the places and in the weight. */
function* terms(sizes: ConvolutionSizes) {
  const { batch, channels, outChannels, groups } = sizes;
  const { image: [height, width], places: [h, w], kernel: [p, q] } = sizes;
  const { stride, padding, dilation } = sizes;
  const inGroup = channels / groups;
  for (let b = 0; b < batch; b++) {
    for (let o = 0; o < outChannels; o++) {
      const first = Math.floor(o / (outChannels / groups)) * inGroup;
      for (let c = 0; c < inGroup; c++) {
        for (let oy = 0; oy < h; oy++) {
          for (let ox = 0; ox < w; ox++) {
            for (let i = 0; i < p; i++) {
              for (let j = 0; j < q; j++) {
                const y = oy * stride[0] + i * dilation[0] - padding[0];
                const x = ox * stride[1] + j * dilation[1] - padding[1];
                if (y < 0 || y >= height || x < 0 || x >= width) continue;
                yield {
                  image: ((b * channels + first + c) * height + y) * width + x,
                  place: ((b * outChannels + o) * h + oy) * w + ox,
                  element: ((o * inGroup + c) * p + i) * q + j,
                };
              }
            }
          }
        }
      }
    }
  }
}
