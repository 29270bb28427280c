// examples/segment.ts on a tiny model: a mask from a point, and fine-tuning on a mask.

import assert from "node:assert/strict";
import { readImage, writeMask } from "../../src/train/data/image_file.ts";
import { goldenFolder, goldenModels } from "../support/goldens.ts";
import { withFolder } from "../support/temporary_folder.ts";

const IMAGE = `${goldenFolder}/images/rgb.png`;
const SIZE = { width: 37, height: 23 };

async function segment(...args: string[]): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", "examples/segment.ts", ...args],
    cwd: new URL("../..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n");
}

Deno.test("examples/segment.ts makes a mask of the image's size from points, or learns a mask from a box", async () => {
  await withFolder(async (folder) => {
    const given = `${folder}/given`;
    await Deno.mkdir(given);
    for (const file of ["config.json", "model.safetensors"]) {
      await Deno.copyFile(`${goldenModels}/sam/${file}`, `${given}/${file}`);
    }
    const settings = JSON.stringify({ image_mean: [0.5, 0.5, 0.5] });
    await Deno.writeTextFile(`${given}/preprocessor_config.json`, settings);
    const model = ["--model", given, "--image", IMAGE, "--out", `${folder}/m.png`];
    const [line] = await segment(...model, "--point", "5,6", "--point", "30,20");
    assert.match(line, /m\.png: [\d.]+ % of the image, score -?\d/);
    const made = await readImage(`${folder}/m.png`);
    assert.deepEqual({ width: made.width, height: made.height }, SIZE);
    const share = made.data.filter((value) => value === 255).length / made.data.length;
    assert.ok(share > 0.05 && share < 0.95 && made.data.every((value) => value % 255 === 0));

    const truth = Uint8Array.from({ length: 37 * 23 }, (_, at) => at % 37 < 18 ? 1 : 0);
    await writeMask(`${folder}/truth.png`, { ...SIZE, data: truth });
    const learn = ["--learn", `${folder}/truth.png`, "--steps", "60", "--lr", "0.02"];
    const lines = await segment(
      ...model,
      "--box",
      "0,0,18,23",
      ...learn,
      "--save",
      `${folder}/tuned`,
    );
    const losses = lines.slice(0, 60).map((each) => Number(each.replace(/^step \d+: loss /, "")));
    assert.ok(losses[59] < 0.5 * losses[0], lines.join("\n"));
    const learnt = await readImage(`${folder}/m.png`);
    const right = truth.filter((value, at) => (learnt.data[3 * at] === 255) === (value === 1));
    assert.ok(right.length > 0.8 * truth.length, `${right.length} of ${truth.length} pixels`);
    assert.equal(await Deno.readTextFile(`${folder}/tuned/preprocessor_config.json`), settings);
    const again = ["--model", `${folder}/tuned`, "--image", IMAGE, "--box", "0,0,18,23"];
    assert.equal((await segment(...again, "--out", `${folder}/m.png`))[0], lines.at(-1));
  });
});
