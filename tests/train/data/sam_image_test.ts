// Images, prompts and masks of SAM, compared with SamProcessor (tests/goldens/images/sam.json).

import assert from "node:assert/strict";
import { readImage, writeMask } from "../../../src/train/data/image_file.ts";
import { readSamImage } from "../../../src/train/data/sam_image.ts";
import { assertClose } from "../../support/assert_close.ts";
import { goldenFolder } from "../../support/goldens.ts";
import { withFolder } from "../../support/temporary_folder.ts";

interface Expected {
  readonly pixels: string;
  readonly points: readonly number[];
  readonly boxes: readonly number[];
  readonly target: readonly number[];
  readonly low: string;
  readonly logits: string;
  readonly binary: readonly number[];
}

const FOLDER = `${goldenFolder}/images`;
const { origin: _, side: SIDE, low: LOW, ...FILES } = JSON.parse(
  Deno.readTextFileSync(`${FOLDER}/sam.json`),
) as { origin: string; side: number; low: number } & Record<string, Expected>;
const NUMBERS = { absolute: 4e-6 };

const floats = (packed: string) => new Float32Array(Uint8Array.fromBase64(packed).buffer);
const planeOf = ({ low }: Expected) => ({ width: LOW, height: LOW, data: floats(low) });

for (const [name, expected] of Object.entries(FILES as Record<string, Expected>)) {
  Deno.test(`readSamImage() prepares ${name}, its prompts and its masks as transformers does`, async () => {
    const image = await readSamImage(`${FOLDER}/${name}`, { folder: "nowhere", imageSize: SIDE });
    assertClose(image.pixels, floats(expected.pixels), NUMBERS);
    const points = [image.point([3.5, 7]), image.point([12, 20.25])].flat();
    assertClose(points, expected.points, NUMBERS);
    assertClose(image.box([1, 2, 14.5, 19]), expected.boxes, NUMBERS);
    const { width, height } = image.size;
    const mask = Uint8Array.from(
      { length: width * height },
      (_, at) => (Math.floor(at % width / 5) + Math.floor(Math.floor(at / width) / 3)) % 2,
    );
    const target = image.target({ width, height, data: mask }, { side: LOW });
    assert.deepEqual([...target], expected.target);
    assertClose(image.logits(planeOf(expected)).data, floats(expected.logits), NUMBERS);
    const binary = image.mask(planeOf(expected));
    assert.deepEqual([binary.width, binary.height], [width, height]);
    assert.deepEqual([...binary.data], expected.binary);
  });
}

Deno.test("readSamImage() takes preprocessor_config.json, and refuses what does not fit the model", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/preprocessor_config.json`;
    const read = async (settings: object) => {
      await Deno.writeTextFile(path, JSON.stringify(settings));
      return await readSamImage(`${FOLDER}/rgb.png`, { folder: folder, imageSize: SIDE });
    };
    const plain = await read({});
    const darker = await read({ image_mean: [0.5, 0.5, 0.5] });
    assert.ok(plain.pixels[0] !== darker.pixels[0]);
    await assert.rejects(
      read({ pad_size: { height: 32, width: 32 } }),
      /makes images of 32 x 32 pixels, and the model wants 24 x 24: pad_size/,
    );
    await assert.rejects(read({ size: { longest_edge: 32 } }), /32 x 20 pixels cannot be padded/);
    const { size } = plain;
    const other = { width: size.height, height: size.width, data: [] };
    assert.throws(() => plain.target(other, { side: LOW }), /image's size of 37 x 23, got 23 x 37/);
    assert.throws(
      () => plain.logits({ width: 3, height: 3, data: new Float32Array(8) }),
      /has 9 logits, got 8/,
    );
  });
});

Deno.test("writeMask() writes a PNG that is white within the mask", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/mask.png`;
    await writeMask(path, { width: 3, height: 2, data: Uint8Array.of(0, 1, 0, 1, 1, 0) });
    const { width, height, data } = await readImage(path);
    assert.deepEqual([width, height], [3, 2]);
    assert.deepEqual([...data], [0, 1, 0, 1, 1, 0].flatMap((each) => Array(3).fill(255 * each)));
    await assert.rejects(
      writeMask(path, { width: 3, height: 3, data: new Uint8Array(8) }),
      /has 9 values, got 8/,
    );
  });
});
