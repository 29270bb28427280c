// BLIP-2: continues a text about an image; with a caption to learn, after a few steps of fine-tuning on it. As in the paper, the Q-Former
// and the projection learn, and the vision encoder and the language model stay, unless --train all is given.
//
//   deno run -P=train examples/caption.ts --model <folder or id> --image photo.png --prompt "Question: what is this? Answer:"
//   deno run -P=train examples/caption.ts --model <folder or id> --image photo.png --learn "two cats" --steps 5 --save tuned

import { Tokenizer } from "@huggingface/tokenizers";
import { parseArgs } from "node:util";
import { Adafactor, causalLoss, crossEntropy, generate, IGNORE_INDEX } from "../mod.ts";
import { loadPretrained, modelFolder, requestDevice, savePretrained, Tensor } from "../mod.ts";
import { Blip2, readBlip2Image, T5 } from "../src/models/mod.ts";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string" },
    image: { type: "string" },
    prompt: { type: "string", default: "" },
    learn: { type: "string" },
    steps: { type: "string", default: "5" },
    lr: { type: "string", default: "0.001" },
    train: { type: "string", default: "qformer" },
    save: { type: "string" },
    "max-new-tokens": { type: "string", default: "20" },
  },
});
const { model: name, image, learn } = flags;
if (!name || !image) throw new TypeError("Give --model and --image");

using device = await requestDevice();
const folder = await modelFolder(name);
using model = await loadPretrained(device, folder, { model: Blip2 });
const { vision: { imageSize } } = model.description;
const values = await readBlip2Image(image, { folder, imageSize });
using pixels = Tensor.from(device, values, { shape: [1, 3, ...imageSize] });

const tokenizer = new Tokenizer(
  JSON.parse(await Deno.readTextFile(`${folder}/tokenizer.json`)),
  JSON.parse(await Deno.readTextFile(`${folder}/tokenizer_config.json`).catch(() => "{}")),
);
const prompt = model.withImageTokens([...tokenizer.encode(flags.prompt).ids]);
// The token that ends a text.
const end = Number(model.language.form.config.values.eos_token_id ?? 2);
const row = (tokens: readonly number[]) =>
  Tensor.from(device, tokens, { shape: [1, tokens.length], dtype: "u32" });

if (learn !== undefined) {
  const caption = [...tokenizer.encode(learn, { add_special_tokens: false }).ids, end];
  // A T5 reads the prompt and writes the caption; a decoder continues the prompt.
  const writes = model.language instanceof T5;
  using tokens = row(writes ? prompt : [...prompt, ...caption]);
  using labels = row(writes ? caption : [...prompt.map(() => IGNORE_INDEX), ...caption]);
  const parts = flags.train === "all" ? [model] : [model.qformer, model.projection];
  const learning = parts.flatMap((part) => part.parameters());
  using optim = new Adafactor(learning, { lr: Number(flags.lr), missingGradients: "skip" });
  for (let step = 1; step <= Number(flags.steps); step++) {
    const targets = writes ? model.targetsFor(labels) : undefined;
    const logits = await model.forward({ pixels, tokens, targets });
    using loss = writes
      ? crossEntropy(logits, labels, { ignored: IGNORE_INDEX })
      : causalLoss(logits, labels);
    console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
    await optim.backward(loss);
    await optim.step();
    model.zeroGrad();
  }
  if (flags.save !== undefined) await savePretrained(model, flags.save, { source: folder });
}

const maxNewTokens = Number(flags["max-new-tokens"]);
const text = await generate(model, prompt, { device, pixels, maxNewTokens, stopTokens: [end] });
const written = text.slice(model.language instanceof T5 ? 1 : prompt.length);
console.log(tokenizer.decode(written, { skip_special_tokens: true }));
