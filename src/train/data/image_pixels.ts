// An image as a model expects it, by the preprocessor_config.json beside the model:
//
//   resize -> crop the centre -> p f -> (p f - mean) / std -> zeros below and to the right          f: rescale_factor, 1/255
//   [height, width, 3] of 8 bits   ->   [3, H, W] of f32

import * as v from "valibot";
import { disk } from "../../checkpoint/disk.ts";
import { readImage } from "./image_file.ts";
import { type Resample, resizeImage, type RgbImage } from "./image_resize.ts";

/** How an image is prepared. */
export interface ImagePreprocessing {
  /** Transparent pixels of a file have the colours that it has for them, or lie on white. Default: "stored". */
  readonly transparency?: "stored" | "onWhite";
  /** To this size, or so that the shorter or the longer edge has this length; undefined: as it is. */
  readonly resize: WantedSize | undefined;
  readonly resample: Resample;
  /** The part around the centre that is taken, with black around a smaller image; undefined: all. */
  readonly crop: ImageSize | undefined;
  /** Values of 0 to 255 are multiplied by it. */
  readonly rescale: number;
  /** Of each channel, after that. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Zeros are added below and to the right, to this size; undefined: none are. */
  readonly pad?: ImageSize;
}

/** A size, or the length of one edge, while the other keeps the proportion. */
export type WantedSize =
  | ImageSize
  | { readonly shortestEdge: number }
  | { readonly longestEdge: number };

/**
 * Pixels.
 *
 * @category Models
 */
export interface ImageSize {
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
}

/** Reads an image and prepares it: [3, H, W], padding included. @throws {Error} naming the file, if it is no image */
export async function readPixels(
  path: string,
  preprocessing: ImagePreprocessing,
): Promise<Float32Array<ArrayBuffer>> {
  const { transparency } = preprocessing;
  return pixelsOf(await readImage(path, { transparency }), preprocessing);
}

/** Prepares an image: [3, H, W], padding included. */
export function pixelsOf(
  image: RgbImage,
  { resize, resample, crop, rescale, mean, std, pad }: ImagePreprocessing,
): Float32Array<ArrayBuffer> {
  const sized = resize === undefined
    ? image
    : resizeImage(image, { ...sizeFor(image, resize), resample });
  const { width, height, data } = crop === undefined ? sized : cropped(sized, crop);
  const outer = pad ?? { height, width };
  if (width > outer.width || height > outer.height) {
    throw new RangeError(
      `An image of ${width} x ${height} pixels cannot be padded to ${outer.width} x ${outer.height}: ` +
        "pad_size must not be smaller than size",
    );
  }
  const pixels = new Float32Array(3 * outer.height * outer.width);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < height; y++) {
      const [from, to] = [y * width, (channel * outer.height + y) * outer.width];
      for (let x = 0; x < width; x++) {
        const value = data[3 * (from + x) + channel];
        pixels[to + x] = (value * rescale - mean[channel]) / std[channel];
      }
    }
  }
  return pixels;
}

/**
 * Reads a preprocessor_config.json. Without the file, images become squares of `imageSize` pixels with values from -1 to 1, as ViT's.
 *
 * @throws {Error} naming the file and the setting that is not supported
 */
export async function readPreprocessing(
  path: string,
  { imageSize, defaults = {} }: {
    readonly imageSize: number;
    /** Settings of that file for those that it leaves out. Default: those of ViT. */
    readonly defaults?: Readonly<Record<string, unknown>>;
  },
): Promise<ImagePreprocessing> {
  const json = await disk.has(path) ? await disk.readText(path) : "{}";
  try {
    const settings = v.parse(SETTINGS, { ...defaults, ...JSON.parse(json) });
    return preprocessingOf(settings, imageSize);
  } catch (cause) {
    throw new Error(`Cannot use ${path}: ${describe(cause)}`, { cause });
  }
}

function preprocessingOf(settings: Settings, imageSize: number): ImagePreprocessing {
  const { do_resize, do_center_crop, do_rescale, do_normalize, resample, ...given } = settings;
  const name = RESAMPLES[resample];
  if (name === undefined) {
    const wanted = Object.entries(RESAMPLES).map(([id, name]) => `${id} (${name})`);
    throw new TypeError(`resample ${resample} is not supported: wanted ${wanted.join(", ")}`);
  }
  const pad = given.do_pad ? given.pad_size : undefined;
  if (pad === undefined && typeof given.size === "object" && "longest_edge" in given.size) {
    throw new TypeError(
      "size: longest_edge makes images of unlike sizes: it needs do_pad and pad_size",
    );
  }
  return {
    ...(given.do_convert_rgb ? { transparency: "onWhite" } : {}),
    resize: do_resize ? resizeOf(given.size ?? imageSize) : undefined,
    resample: name,
    crop: do_center_crop ? sizeOf(given.crop_size ?? imageSize) : undefined,
    rescale: do_rescale ? given.rescale_factor : 1,
    mean: do_normalize ? given.image_mean : [0, 0, 0],
    std: do_normalize ? given.image_std : [1, 1, 1],
    ...(pad === undefined ? {} : { pad }),
  };
}

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const three = v.pipe(v.array(v.number()), v.length(3, "wanted 3 numbers, of red, green and blue"));
const SETTINGS = v.object({
  do_convert_rgb: v.optional(v.nullable(v.boolean()), false),
  do_resize: v.optional(v.boolean(), true),
  size: v.optional(
    v.union([
      count,
      v.object({ height: count, width: count }),
      v.object({ shortest_edge: count }),
      v.object({ longest_edge: count }),
    ], "size must be a number, height and width, shortest_edge or longest_edge"),
  ),
  resample: v.optional(v.number(), 2),
  do_center_crop: v.optional(v.nullable(v.boolean()), false),
  crop_size: v.optional(
    v.union(
      [count, v.object({ height: count, width: count })],
      "crop_size must be a number, or height and width",
    ),
  ),
  do_rescale: v.optional(v.boolean(), true),
  rescale_factor: v.optional(v.number(), 1 / 255),
  do_normalize: v.optional(v.boolean(), true),
  image_mean: v.optional(three, [0.5, 0.5, 0.5]),
  image_std: v.optional(three, [0.5, 0.5, 0.5]),
  do_pad: v.optional(v.nullable(v.boolean()), false),
  pad_size: v.optional(v.object({ height: count, width: count })),
});

type Settings = v.InferOutput<typeof SETTINGS>;

/** Filters by their numbers in Pillow. */
const RESAMPLES: Readonly<Record<number, Resample>> = {
  1: "lanczos",
  2: "bilinear",
  3: "bicubic",
  4: "box",
  5: "hamming",
};

function resizeOf(size: NonNullable<Settings["size"]>): ImagePreprocessing["resize"] {
  if (typeof size === "number" || "height" in size) return sizeOf(size);
  return "shortest_edge" in size
    ? { shortestEdge: size.shortest_edge }
    : { longestEdge: size.longest_edge };
}

/** A number alone is the length of both edges. */
function sizeOf(given: number | ImageSize): ImageSize {
  return typeof given === "number" ? { height: given, width: given } : given;
}

/** With a shortest edge the longer one is cut down to a whole number, with a longest edge both are rounded, as transformers does. */
export function sizeFor(
  { width, height }: ImageSize,
  wanted: WantedSize,
): ImageSize {
  if ("longestEdge" in wanted) {
    const scale = wanted.longestEdge / Math.max(width, height);
    const rounded = (length: number) => Math.trunc(length * scale + 0.5);
    return { width: rounded(width), height: rounded(height) };
  }
  if (!("shortestEdge" in wanted)) return wanted;
  const { shortestEdge } = wanted;
  const long = Math.trunc(shortestEdge * Math.max(width, height) / Math.min(width, height));
  return width <= height
    ? { width: shortestEdge, height: long }
    : { width: long, height: shortestEdge };
}

function cropped({ width, height, data }: RgbImage, size: ImageSize): RgbImage {
  const out = new Uint8Array(size.height * size.width * 3);
  const top = Math.floor((height - size.height) / 2);
  const left = Math.floor((width - size.width) / 2);
  const [begin, end] = [Math.max(0, left), Math.min(width, left + size.width)];
  for (let y = Math.max(0, top); y < Math.min(height, top + size.height); y++) {
    const row = data.subarray((y * width + begin) * 3, (y * width + end) * 3);
    out.set(row, ((y - top) * size.width + begin - left) * 3);
  }
  return { ...size, data: out };
}

function describe(cause: unknown): string {
  if (!(cause instanceof v.ValiError)) return cause instanceof Error ? cause.message : `${cause}`;
  return cause.issues
    .map((issue: v.BaseIssue<unknown>) => `${v.getDotPath(issue)}: ${issue.message}`).join("; ");
}
