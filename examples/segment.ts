// SAM: a mask of what a point or a box shows in an image; with a mask to learn, after a few steps of fine-tuning on it.
//
//   deno run -P=train examples/segment.ts --model <folder or id> --image photo.png --point 120,80 --out mask.png
//   deno run -P=train examples/segment.ts --model <folder or id> --image photo.png --box 40,30,200,160 --learn true_mask.png --steps 5

import { parseArgs } from "node:util";
import { bceWithLogits } from "../src/nn/mod.ts";
import { Adafactor, loadPretrained, modelFolder, requestDevice } from "../mod.ts";
import { savePretrained, Tensor } from "../mod.ts";
import { readImage, readSamImage, Sam, writeMask } from "../src/models/mod.ts";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string" },
    image: { type: "string" },
    point: { type: "string", multiple: true, default: [] },
    box: { type: "string" },
    learn: { type: "string" },
    steps: { type: "string", default: "5" },
    lr: { type: "string", default: "0.001" },
    save: { type: "string" },
    out: { type: "string", default: "mask.png" },
  },
});
const { model: name, image: path, point: points, box, learn, out } = flags;
if (!name || !path || (points.length === 0 && !box)) {
  throw new TypeError("Give --model, --image, and --point x,y or --box left,top,right,bottom");
}
const numbers = (text: string) => text.split(",").map(Number);

using device = await requestDevice();
const folder = await modelFolder(name);
using model = await loadPretrained(device, folder, { model: Sam });
const { imageSize } = model.description.prompts;
const image = await readSamImage(path, { folder, imageSize });
using pixels = Tensor.from(device, image.pixels, { shape: [1, 3, imageSize, imageSize] });
const prompts = {
  points: points.length === 0 ? undefined : [[points.map((text) => {
    const [x, y] = numbers(text);
    return image.point([x, y]);
  })]],
  boxes: box === undefined
    ? undefined
    : [[image.box(numbers(box) as [number, number, number, number])]],
};

if (learn !== undefined) {
  // White is the object. One mask is trained: the answer to a clear prompt.
  const { width, height, data } = await readImage(learn);
  const mask = { width, height, data: data.filter((_, at) => at % 3 === 0) };
  const side = 4 * model.description.prompts.rows;
  const shape = [1, 1, 1, side, side];
  using target = Tensor.from(device, image.target(mask, { side }), { shape });
  // What the prompts do not use has no gradient.
  using optim = new Adafactor(model.parameters(), {
    lr: Number(flags.lr),
    missingGradients: "skip",
  });
  for (let step = 1; step <= Number(flags.steps); step++) {
    using masks = await model.forward({ pixels, ...prompts, outputs: "one" });
    using loss = bceWithLogits(masks, target);
    console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
    await optim.backward(loss);
    await optim.step();
    optim.zeroGrad();
  }
  if (flags.save !== undefined) await savePretrained(model, flags.save, { source: folder });
}

const { masks, scores } = await model.segment({ pixels, ...prompts, outputs: "one" });
const [score] = await scores.data();
const [height, width] = masks.shape.slice(-2);
const mask = image.mask({ width, height, data: await masks.data() });
masks[Symbol.dispose]();
scores[Symbol.dispose]();
await writeMask(out, mask);
const share = mask.data.reduce((sum, value) => sum + value, 0) / mask.data.length;
console.log(`${out}: ${(100 * share).toFixed(1)} % of the image, score ${score.toFixed(3)}`);
