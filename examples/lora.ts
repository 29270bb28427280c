// LoRA: a causal language model learns a sentence by low-rank additions to its linear layers, while its own weights stay. The additions
// are saved as PEFT reads them.
//
//   deno run -P=train examples/lora.ts                                    a small random model of bytes
//   deno run -P=train examples/lora.ts --model <folder> --save adapter    one of Hugging Face's, with its tokenizer

import { Tokenizer } from "@huggingface/tokenizers";
import { parseArgs } from "node:util";
import { Adafactor, addLora, causalLoss, Decoder, generate } from "@meshfactor/adafactor";
import { linearSchedule, loadPretrained, newModel, RandomSource } from "@meshfactor/adafactor";
import { requestDevice, saveLora, Tensor } from "@meshfactor/adafactor";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string" },
    sentence: { type: "string", default: "The cat sat on the mat, and the dog ran after it." },
    rank: { type: "string", default: "8" },
    steps: { type: "string", default: "101" },
    lr: { type: "string", default: "0.005" },
    save: { type: "string" },
  },
});
const { model: folder, sentence, save } = flags;
const [rank, steps, peak] = [flags.rank, flags.steps, flags.lr].map(Number);

using device = await requestDevice();
const random = new RandomSource(1);
const sizes = { vocab_size: 256, n_embd: 64, n_layer: 2, n_head: 4, n_positions: 128 };
using model = folder === undefined
  ? newModel(device, { model_type: "gpt2", ...sizes }, { random, model: Decoder })
  : await loadPretrained(device, folder, { model: Decoder });
const { encode, decode } = folder === undefined ? bytes() : await tokenizerOf(folder);

const lora = addLora(model, { rank, random });
const count = lora.parameters().reduce((sum, { length }) => sum + length, 0);
console.log(`${count} numbers learn, in ${lora.layers.size} layers`);
const lr = linearSchedule(peak, { steps });
using optim = new Adafactor(lora.parameters(), { lr, scaleParameter: false });

const ids = encode(sentence);
using tokens = Tensor.from(device, ids, { dtype: "u32", shape: [1, ids.length] });
for (let step = 1; step <= steps; step++) {
  using loss = causalLoss(await model.forward({ tokens }), tokens);
  if (step % 20 === 1) console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
}
const begin = ids.slice(0, Math.ceil(ids.length / 4));
const maxNewTokens = ids.length - begin.length;
console.log(decode(await generate(model, begin, { device, maxNewTokens })));
if (save !== undefined) await saveLora(model, save, { lora, base: folder ?? "random" });

function bytes() {
  return {
    encode: (text: string) => [...new TextEncoder().encode(text)],
    decode: (tokens: readonly number[]) => new TextDecoder().decode(Uint8Array.from(tokens)),
  };
}

async function tokenizerOf(folder: string) {
  const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
  const texts = new Tokenizer(await read("tokenizer.json"), await read("tokenizer_config.json"));
  return {
    encode: (text: string) => [...texts.encode(text).ids],
    decode: (tokens: readonly number[]) => texts.decode([...tokens]),
  };
}
