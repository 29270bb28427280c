// An image for BLIP-2, as BlipImageProcessor of transformers prepares it by the preprocessor_config.json beside the model: resized to the
// model's size whatever its proportion, with bicubic weights, and normalized by the mean and deviation of CLIP's images.

import { kindOf, requireText } from "../../tensor/argument_checks.ts";
import { checkOptions } from "../../tensor/option_names.ts";
import { formatShape } from "../../tensor/shape.ts";
import { readPixels, readPreprocessing } from "./image_pixels.ts";

/**
 * Options of {@linkcode readBlip2Image}.
 *
 * @category Models
 */
export interface Blip2ImageOptions {
  /** The model's folder, whose preprocessor_config.json says how images are prepared; without that file, as BLIP-2's usually are. */
  readonly folder: string;
  /** Height and width of the images that the model sees: `model.description.vision.imageSize`. */
  readonly imageSize: readonly [number, number];
}

/**
 * Reads a PNG or JPEG file for BLIP-2: [3, H, W].
 *
 * @throws {Error} naming the file, if it is no image, or that of settings with the one that is not supported.
 *
 * @category Models
 */
export async function readBlip2Image(
  path: string,
  options: Blip2ImageOptions,
): Promise<Float32Array<ArrayBuffer>> {
  requireText("readBlip2Image()", "a file", path);
  checkOptions("readBlip2Image()", options, ["folder", "imageSize"]);
  const { folder, imageSize } = options;
  if (!Array.isArray(imageSize)) {
    throw new TypeError(
      `readBlip2Image() wants [height, width] for imageSize, got ${kindOf(imageSize)}`,
    );
  }
  const [height, width] = imageSize;
  const settings = `${folder}/preprocessor_config.json`;
  const preprocessing = await readPreprocessing(settings, {
    imageSize: height,
    defaults: {
      do_convert_rgb: true,
      resample: 3,
      image_mean: [0.48145466, 0.4578275, 0.40821073],
      image_std: [0.26862954, 0.26130258, 0.27577711],
    },
  });
  const pixels = await readPixels(path, preprocessing);
  const { resize, crop = resize } = preprocessing;
  const made = crop !== undefined && "height" in crop ? [crop.height, crop.width] : undefined;
  if (made?.[0] === height && made[1] === width) return pixels;
  throw new Error(
    `${settings} makes images of ${made === undefined ? "any size" : formatShape(made)}, and the ` +
      `model wants ${formatShape([height, width])}: size must be that`,
  );
}
