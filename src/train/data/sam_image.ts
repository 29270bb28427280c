// An image for SAM: its pixels as the model sees them, prompts from the image's own pixels to those, and masks back:
//
//   image -> longer edge resized to the model's size -> normalized -> padded below and to the right        (preprocessor_config.json)
//   x, y  -> x, y times the resized size / the size
//   logits [4 h, 4 w] -> interpolated to the padded size -> without padding -> interpolated to the image's size -> above 0

import type { Box, Point } from "../../models/prompt_points.ts";
import { requireText } from "../../tensor/argument_checks.ts";
import { checkOptions } from "../../tensor/option_names.ts";
import { cropped, interpolated, type Plane } from "./bilinear.ts";
import { readImage } from "./image_file.ts";
import { type ImageSize, pixelsOf, readPreprocessing, sizeFor } from "./image_pixels.ts";

/**
 * Options of {@linkcode readSamImage}.
 *
 * @category Models
 */
export interface SamImageOptions {
  /** The model's folder, whose preprocessor_config.json says how images are prepared; without that file, as SAM's usually are. */
  readonly folder: string;
  /** Height and width of the images that the model sees: `model.description.prompts.imageSize`. */
  readonly imageSize: number;
}

/**
 * Reads a PNG or JPEG file for SAM.
 *
 * @throws {Error} naming the file, if it is no image, or that of settings with the one that is not supported.
 *
 * @category Models
 */
export async function readSamImage(
  path: string,
  options: SamImageOptions,
): Promise<SamImage> {
  requireText("readSamImage()", "a file", path);
  checkOptions("readSamImage()", options, ["folder", "imageSize"]);
  const { folder, imageSize } = options;
  const square = { height: imageSize, width: imageSize };
  const preprocessing = await readPreprocessing(`${folder}/preprocessor_config.json`, {
    imageSize,
    defaults: {
      size: { longest_edge: imageSize },
      image_mean: [0.485, 0.456, 0.406],
      image_std: [0.229, 0.224, 0.225],
      do_pad: true,
      pad_size: square,
    },
  });
  const image = await readImage(path);
  const { resize, pad } = preprocessing;
  const resized = resize === undefined ? image : sizeFor(image, resize);
  const seen = pad ?? resized;
  if (seen.height !== imageSize || seen.width !== imageSize) {
    throw new Error(
      `${folder}/preprocessor_config.json makes images of ${seen.height} x ${seen.width} pixels, and the model wants ` +
        `${imageSize} x ${imageSize}: pad_size must be that`,
    );
  }
  return new SamImage(pixelsOf(image, preprocessing), { size: image, resized, padded: square });
}

/**
 * An image as SAM sees it.
 *
 * @category Models
 */
export class SamImage {
  /** [3, H, W]: what the model wants. */
  readonly pixels: Float32Array<ArrayBuffer>;
  /** The size of the file's image. */
  readonly size: ImageSize;
  readonly #resized: ImageSize;
  readonly #padded: ImageSize;

  /** An image that was prepared: `readSamImage()` does it. */
  constructor(pixels: Float32Array<ArrayBuffer>, { size, resized, padded }: {
    readonly size: ImageSize;
    readonly resized: ImageSize;
    readonly padded: ImageSize;
  }) {
    this.pixels = pixels;
    this.size = { width: size.width, height: size.height };
    this.#resized = resized;
    this.#padded = padded;
  }

  /** A point of the file's image, in the pixels that the model sees. */
  point([x, y]: Point): Point {
    const { size } = this;
    return [x * (this.#resized.width / size.width), y * (this.#resized.height / size.height)];
  }

  /** A box of the file's image, in the pixels that the model sees. */
  box([left, top, right, bottom]: Box): Box {
    return [...this.point([left, top]), ...this.point([right, bottom])];
  }

  /**
   * The logits of one mask, [height, width] of the size that the model gives, for every pixel of the file's image.
   *
   * @throws {RangeError} if the number of logits is another.
   */
  logits(low: Plane): Plane {
    if (low.data.length !== low.width * low.height) {
      throw new RangeError(
        `A mask of ${low.width} x ${low.height} has ${
          low.width * low.height
        } logits, got ${low.data.length}`,
      );
    }
    return interpolated(cropped(interpolated(low, this.#padded), this.#resized), this.size);
  }

  /** The pixels of the file's image with logits above `threshold`, by default 0: 1 within the object, 0 elsewhere. */
  mask(
    low: Plane,
    { threshold = 0 }: { readonly threshold?: number } = {},
  ): { readonly width: number; readonly height: number; readonly data: Uint8Array } {
    const { data, ...size } = this.logits(low);
    return { ...size, data: Uint8Array.from(data, (logit) => logit > threshold ? 1 : 0) };
  }

  /**
   * A mask of the file's image as the target of logits of `side` x `side`: the nearest pixels, and 0 in the padding.
   *
   * @throws {RangeError} if the mask has another size than the image.
   */
  target(
    mask: { readonly width: number; readonly height: number; readonly data: ArrayLike<number> },
    { side }: { readonly side: number },
  ): Float32Array<ArrayBuffer> {
    const { width, height } = this.size;
    if (mask.width !== width || mask.height !== height) {
      throw new RangeError(
        `The mask must have the image's size of ${width} x ${height}, got ${mask.width} x ${mask.height}`,
      );
    }
    const small = sizeFor(this.size, { longestEdge: side });
    const target = new Float32Array(side * side);
    for (let y = 0; y < small.height; y++) {
      const row = Math.floor((y + 0.5) * height / small.height) * width;
      for (let x = 0; x < small.width; x++) {
        const at = row + Math.floor((x + 0.5) * width / small.width);
        target[y * side + x] = mask.data[at] === 0 ? 0 : 1;
      }
    }
    return target;
  }
}
