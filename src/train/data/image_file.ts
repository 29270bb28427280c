// Reads PNG and JPEG files as red, green and blue, and writes masks. Grey and palettes become colours, 16 bits become 8, and what is
// transparent is taken as it is stored, as Pillow's convert("RGB") does, or lies on white, as in processors of transformers that convert
// to RGB. JPEG is decoded without Pillow's smoothing of colours between blocks, so that values can
// be a few levels away from Pillow's; PNG is exact.

import { decode } from "jpeg-js";
import { kindOf, requireText } from "../../tensor/argument_checks.ts";
import { checkOptions, requireObject } from "../../tensor/option_names.ts";
import { Buffer } from "node:buffer";
import { PNG } from "pngjs";
import type { RgbImage } from "./image_resize.ts";

/**
 * Reads an image.
 *
 * @throws {Error} naming the file, if it cannot be read or is no PNG or JPEG
 *
 * @category Models
 */
export async function readImage(
  path: string,
  options: {
    /** Transparent pixels have the colours that the file has for them, or lie on white. Default: "stored". */
    readonly transparency?: "stored" | "onWhite" | undefined;
  } = {},
): Promise<RgbImage> {
  requireText("readImage()", "a file", path);
  checkOptions("readImage()", options, ["transparency"]);
  const { transparency = "stored" } = options;
  try {
    const { width, height, data } = decoded(await Deno.readFile(path));
    const rgb = new Uint8Array(width * height * 3);
    for (let pixel = 0; pixel < width * height; pixel++) {
      const opacity = transparency === "stored" ? 255 : data[4 * pixel + 3];
      for (let colour = 0; colour < 3; colour++) {
        const value = data[4 * pixel + colour];
        rgb[3 * pixel + colour] = opacity === 255 ? value : onWhite(value, opacity);
      }
    }
    return { width, height, data: rgb };
  } catch (cause) {
    throw new Error(
      `Cannot read the image ${path}: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
      },
    );
  }
}

/** In integers, as Pillow's alpha_composite() rounds. */
function onWhite(value: number, opacity: number): number {
  const scaled = 128 * (value * opacity + 255 * (255 - opacity) + 128);
  return (((scaled >> 8) + scaled) >> 8) >> 7;
}

/** Red, green, blue and opacity of each pixel. */
function decoded(
  bytes: Uint8Array,
): { readonly width: number; readonly height: number; readonly data: Uint8Array } {
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return PNG.sync.read(Buffer.from(bytes));
  if (bytes[0] === 0xff && bytes[1] === 0xd8) {
    return decode(bytes, { useTArray: true, tolerantDecoding: false });
  }
  throw new TypeError("it is no PNG and no JPEG; convert it to one of them");
}

/**
 * Writes a PNG that is white where the mask is not 0, and black elsewhere.
 *
 * @throws {RangeError} if the mask has another size
 *
 * @category Models
 */
export async function writeMask(
  path: string,
  mask: {
    readonly width: number;
    readonly height: number;
    /** [height, width] */
    readonly data: Uint8Array;
  },
): Promise<void> {
  requireText("writeMask()", "a file", path);
  requireObject("writeMask()", mask, "width");
  const { width, height, data } = mask;
  if (!ArrayBuffer.isView(data)) {
    throw new TypeError(`writeMask() wants a Uint8Array for data, got ${kindOf(data)}`);
  }
  if (data.length !== width * height) {
    throw new RangeError(
      `A mask of ${width} x ${height} pixels has ${width * height} values, got ${data.length}`,
    );
  }
  const png = new PNG({ width, height, colorType: 0 });
  for (const [pixel, value] of data.entries()) {
    const grey = value === 0 ? 0 : 255;
    png.data.set([grey, grey, grey, 255], 4 * pixel);
  }
  await Deno.writeFile(path, PNG.sync.write(png, { colorType: 0 }));
}
