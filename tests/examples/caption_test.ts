// examples/caption.ts on tiny models with a decoder and with a T5: a text about an image, and fine-tuning on a caption.

import assert from "node:assert/strict";
import { goldenFolder, goldenModels } from "../support/goldens.ts";
import { withFolder } from "../support/temporary_folder.ts";

const IMAGE = `${goldenFolder}/images/rgb.png`;
const WORDS = Array.from({ length: 97 }, (_, id) => `w${id}`);
const TOKENIZER = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: "Whitespace" },
  post_processor: null,
  decoder: null,
  model: {
    type: "WordLevel",
    vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])),
    unk_token: "w3",
  },
};

async function caption(...args: string[]): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", "examples/caption.ts", "--image", IMAGE, ...args],
    cwd: new URL("../..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n");
}

for (const family of ["blip2", "blip2_t5"]) {
  Deno.test(`examples/caption.ts writes about an image, and learns a caption: ${family}`, async () => {
    await withFolder(async (folder) => {
      const model = `${folder}/model`;
      await Deno.mkdir(model);
      for (const file of ["config.json", "model.safetensors"]) {
        await Deno.copyFile(`${goldenModels}/${family}/${file}`, `${model}/${file}`);
      }
      await Deno.writeTextFile(`${model}/tokenizer.json`, JSON.stringify(TOKENIZER));
      const asked = ["--prompt", "w7 w50", "--max-new-tokens", "4"];
      const before = await caption("--model", model, ...asked);
      assert.equal(before.length, 1);
      assert.match(before[0], /^(w\d+ ?)+$/);

      const learn = ["--learn", "w20 w30 w40", "--lr", "0.03"];
      const lossesOf = (lines: readonly string[]) =>
        lines.slice(0, -1).map((each) => Number(each.replace(/^step \d+: loss /, "")));
      const few = lossesOf(await caption("--model", model, ...asked, ...learn));
      assert.equal(few.length, 5);
      assert.ok(few[4] < few[0], few.join());

      const all = ["--train", "all", "--steps", "60", "--save", `${folder}/saved`];
      const saved = `${folder}/saved`;
      const lines = await caption("--model", model, ...asked, ...learn, ...all);
      const losses = lossesOf(lines);
      assert.ok(losses[59] < 0.5 * losses[0], lines.join("\n"));
      assert.match(lines.at(-1)!, /^w20 w30 w40/, lines.join("\n"));
      assert.deepEqual(await caption("--model", saved, ...asked), lines.slice(-1));
    });
  });
}
