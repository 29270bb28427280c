// Resizing of images as Pillow does it, which transformers' processors use: to the bit, as each pass is computed in integers like there.
//
//   out[i] = sum_j w[i, j] in[j],   w[i, j] = f((j + 1/2 - c_i) / s) / (sum over j),   c_i = (i + 1/2) n_in / n_out,   s = max(1, n_in / n_out)
//
// First along rows, then along columns, rounded to 8 bits after each. Where an image becomes smaller, the filter f is as wide as the pixels
// that it takes together (antialiasing). Source: Pillow, src/libImaging/Resample.c. Pillow 13 goes along columns first where that is less
// work, which moves some values by 1 of 255.

/**
 * An image of 8 bits a channel, red, green and blue for each pixel.
 *
 * @category Models
 */
export interface RgbImage {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** [height, width, 3] */
  readonly data: Uint8Array;
}

/** Names of filters. */
export type Resample = keyof typeof FILTERS;

/** Resizes an image. */
export function resizeImage(
  image: RgbImage,
  { width, height, resample }: {
    readonly width: number;
    readonly height: number;
    readonly resample: Resample;
  },
): RgbImage {
  const filter = FILTERS[resample];
  const wide = image.width === width ? image : {
    width,
    height: image.height,
    data: resizeRows(image, weightsFor(image.width, width, filter)),
  };
  if (image.height === height) return wide;
  return { width, height, data: resizeColumns(wide, weightsFor(image.height, height, filter)) };
}

interface Filter {
  /** Where it becomes 0. */
  readonly support: number;
  readonly at: (x: number) => number;
}

/** The weights of one pixel of the result. */
interface Weights {
  /** The first pixel that it is made of. */
  readonly first: number;
  /** In units of 2^-22. */
  readonly values: Int32Array;
}

function weightsFor(sizeIn: number, sizeOut: number, { support, at }: Filter): Weights[] {
  const scale = sizeIn / sizeOut;
  const stretch = Math.max(1, scale);
  const reach = support * stretch;
  return Array.from({ length: sizeOut }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(sizeIn, Math.trunc(center + reach + 0.5));
    const values = Float64Array.from(
      { length: end - first },
      (_, k) => at((k + first - center + 0.5) / stretch),
    );
    const total = values.reduce((sum, value) => sum + value, 0);
    const units = Array.from(values, (value) => {
      const exact = (total === 0 ? value : value / total) * 2 ** BITS;
      return Math.trunc(exact + (exact < 0 ? -0.5 : 0.5));
    });
    return { first, values: Int32Array.from(units) };
  });
}

function resizeRows({ width, height, data }: RgbImage, weights: readonly Weights[]): Uint8Array {
  const out = new Uint8ClampedArray(height * weights.length * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (const { first, values } of weights) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = HALF;
        let from = (y * width + first) * 3 + channel;
        for (const value of values) {
          sum += data[from] * value;
          from += 3;
        }
        out[to++] = sum >> BITS;
      }
    }
  }
  return new Uint8Array(out.buffer);
}

function resizeColumns({ width, data }: RgbImage, weights: readonly Weights[]): Uint8Array {
  const rowLength = width * 3;
  const out = new Uint8ClampedArray(weights.length * rowLength);
  for (const [y, { first, values }] of weights.entries()) {
    for (let x = 0; x < rowLength; x++) {
      let sum = HALF;
      let from = first * rowLength + x;
      for (const value of values) {
        sum += data[from] * value;
        from += rowLength;
      }
      out[y * rowLength + x] = sum >> BITS;
    }
  }
  return new Uint8Array(out.buffer);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

const FILTERS = {
  box: { support: 0.5, at: (x: number) => x > -0.5 && x <= 0.5 ? 1 : 0 },
  bilinear: { support: 1, at: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    at: (x: number) =>
      Math.abs(x) >= 1 ? 0 : sinc(Math.abs(x)) * (0.54 + 0.46 * Math.cos(Math.abs(x) * Math.PI)),
  },
  bicubic: {
    support: 2,
    at: (signed: number) => {
      const x = Math.abs(signed);
      if (x < 1) return ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * CUBIC : 0;
    },
  },
  lanczos: { support: 3, at: (x: number) => x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0 },
} satisfies Record<string, Filter>;

const CUBIC = -0.5;
/** Bits after the point: 32, less 8 of a value and 2 for sums beyond them. */
const BITS = 22;
const HALF = 1 << (BITS - 1);
