// Images as models expect them, compared with Pillow's (tests/goldens/images).

import assert from "node:assert/strict";
import { readImage } from "../../../src/train/data/image_file.ts";
import {
  type ImagePreprocessing,
  pixelsOf,
  readPixels,
  readPreprocessing,
} from "../../../src/train/data/image_pixels.ts";
import { type Resample, resizeImage } from "../../../src/train/data/image_resize.ts";
import { assertClose } from "../../support/assert_close.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { goldenFolder } from "../../support/goldens.ts";
import { withFiles } from "../../support/train/data_files.ts";

interface Expected {
  readonly width: number;
  readonly height: number;
  readonly data: string;
  readonly resized: Readonly<Record<string, string>>;
}

const FOLDER = `${goldenFolder}/images`;
const { origin: _, ...FILES } = JSON.parse(
  Deno.readTextFileSync(`${FOLDER}/expected.json`),
) as Record<string, Expected>;

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

Deno.test("readImage() reads PNG of every colour type as Pillow does", async () => {
  for (const [name, { width, height, data }] of Object.entries(FILES)) {
    if (!name.endsWith(".png")) continue;
    const image = await readImage(`${FOLDER}/${name}`);
    assert.deepEqual([image.width, image.height], [width, height]);
    assertSameBits(image.data, Uint8Array.fromBase64(data), name);
  }
});

Deno.test("readImage() reads JPEG within a few levels of Pillow", async () => {
  const mostMeans = { "full_colours.jpg": 0.6, "grey.jpg": 0.6, "halved_colours.jpg": 3 };
  for (const [name, mostMean] of Object.entries(mostMeans)) {
    const { width, height, data } = FILES[name];
    const image = await readImage(`${FOLDER}/${name}`);
    assert.deepEqual([image.width, image.height], [width, height]);
    const expected = Uint8Array.fromBase64(data);
    const differences = Array.from(image.data, (value, k) => Math.abs(value - expected[k]));
    assert.ok(mean(differences) < mostMean, `${name}: ${mean(differences)}`);
  }
});

Deno.test("resizeImage() has the bits of Pillow, larger and smaller, with every filter", async () => {
  const image = await readImage(`${FOLDER}/rgb.png`);
  const cases = Object.entries(FILES["rgb.png"].resized);
  assert.equal(cases.length, 20);
  for (const [name, data] of cases) {
    const [resample, width, height] = name.split(" ");
    const resized = resizeImage(image, {
      resample: resample as Resample,
      width: Number(width),
      height: Number(height),
    });
    assertSameBits(resized.data, Uint8Array.fromBase64(data), name);
  }
});

Deno.test("pixelsOf() rescales, normalizes and puts channels first", () => {
  const image = { width: 2, height: 1, data: Uint8Array.of(0, 51, 255, 255, 102, 0) };
  const preprocessing: ImagePreprocessing = {
    resize: undefined,
    resample: "bilinear",
    crop: undefined,
    rescale: 1 / 255,
    mean: [0.5, 0.2, 0],
    std: [0.5, 0.1, 2],
  };
  assertClose(pixelsOf(image, preprocessing), [-1, 1, 0, 2, 0.5, 0], { relative: 1e-6 });
});

Deno.test("pixelsOf() crops the centre, with black around a smaller image", () => {
  const image = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, k) => k + 1) };
  const plain = { resize: undefined, resample: "bilinear", rescale: 1 } as const;
  const still = { ...plain, mean: [0, 0, 0], std: [1, 1, 1] };
  const red = (height: number, width: number) =>
    [...pixelsOf(image, { ...still, crop: { height, width } })].slice(0, height * width);
  assert.deepEqual(red(2, 1), [4, 13]);
  assert.deepEqual(red(1, 3), [1, 4, 7]);
  assert.deepEqual(red(4, 5), [0, 0, 0, 0, 0, 0, 1, 4, 7, 0, 0, 10, 13, 16, 0, 0, 0, 0, 0, 0]);
});

Deno.test("readPreprocessing() reads preprocessor_config.json as transformers does", async () => {
  const config = {
    do_resize: true,
    size: { shortest_edge: 20 },
    resample: 3,
    do_center_crop: true,
    crop_size: 16,
    do_normalize: false,
    image_processor_type: "ViTImageProcessor",
  };
  const [path, old, off] = ["new.json", "old.json", "off.json"];
  await withFiles({
    [path]: JSON.stringify(config),
    [old]: JSON.stringify({ size: 8, image_mean: [0, 0, 0], image_std: [1, 1, 1] }),
    [off]: JSON.stringify({ do_resize: false, do_rescale: false }),
  }, async (folder) => {
    const read = (name: string) => readPreprocessing(`${folder}/${name}`, { imageSize: 224 });
    assert.deepEqual(await read(path), {
      resize: { shortestEdge: 20 },
      resample: "bicubic",
      crop: { height: 16, width: 16 },
      rescale: 1 / 255,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
    assert.deepEqual((await read(old)).resize, { height: 8, width: 8 });
    assert.deepEqual([(await read(off)).resize, (await read(off)).rescale], [undefined, 1]);
    assert.deepEqual((await read("none.json")).resize, { height: 224, width: 224 });
    const pixels = await readPixels(`${FOLDER}/rgb.png`, await read(path));
    assert.equal(pixels.length, 3 * 16 * 16);
    assert.ok(Math.min(...pixels) >= 0 && Math.max(...pixels) <= 1);
  });
});

Deno.test("readPreprocessing() and readImage() name the file and what is wrong with it", async () => {
  await withFiles({
    "nearest.json": JSON.stringify({ resample: 0 }),
    "size.json": JSON.stringify({ size: { longest_edge: 3 } }),
    "edges.json": JSON.stringify({ size: { longest: 3 } }),
    "mean.json": JSON.stringify({ image_mean: [0.5] }),
    "bad.json": "{",
    "text.png": "no image",
    "cut.png": (await Deno.readFile(`${FOLDER}/rgb.png`)).subarray(0, 300),
    "cut.jpg": (await Deno.readFile(`${FOLDER}/grey.jpg`)).subarray(0, 300),
  }, async (folder) => {
    const refusals: Record<string, RegExp> = {
      "nearest.json": /nearest\.json: resample 0 is not supported: wanted .*2 \(bilinear\)/,
      "size.json": /size\.json: size: longest_edge .* needs do_pad and pad_size/,
      "edges.json": /edges\.json: size: size must be/,
      "mean.json": /mean\.json: image_mean: wanted 3 numbers/,
      "bad.json": /Cannot use .*bad\.json/,
    };
    for (const [name, message] of Object.entries(refusals)) {
      await assert.rejects(readPreprocessing(`${folder}/${name}`, { imageSize: 8 }), message, name);
    }
    for (const name of ["text.png", "cut.png", "cut.jpg", "none.png"]) {
      await assert.rejects(
        readImage(`${folder}/${name}`),
        (error: Error) =>
          error.message.includes(name) && error.message.startsWith("Cannot read the image"),
        name,
      );
    }
  });
});
