// A GPT of layers of one's own (gpt_model.ts) on the bytes of a text: trained, measured on the end of the text, which it has not seen,
// and asked for a continuation.
//
//   deno run -P=train examples/byte_gpt.ts [--text README.md] [--steps 200]

import { parseArgs } from "node:util";
import { Adafactor, causalLoss, cosineSchedule, manualSeed, noGrad } from "@meshfactor/adafactor";
import { RandomSource, requestDevice, softmax, Tensor } from "@meshfactor/adafactor";
import { Gpt } from "./gpt_model.ts";

const { values: flags } = parseArgs({
  options: {
    text: { type: "string", default: `${import.meta.dirname}/../README.md` },
    steps: { type: "string", default: "200" },
  },
});
const [steps, context] = [Number(flags.steps), 64];
const text = await Deno.readFile(flags.text);
const seen = text.subarray(0, Math.floor(0.9 * text.length));
const unseen = text.subarray(seen.length);

manualSeed(1);
using device = await requestDevice(); // a GPU if there is one, else the CPU
using model = new Gpt(device, { vocabulary: 256, context, width: 64, heads: 4, blocks: 2 });
const lr = cosineSchedule(0.1, { steps, warmup: 10 });
using optim = new Adafactor(model.parameters(), { lr });

/** Windows of the context's length that begin at `begins`: [count, context]. */
function windows(text: Uint8Array, begins: readonly number[]): Tensor<"u32"> {
  const bytes = begins.flatMap((begin) => [...text.subarray(begin, begin + context)]);
  return Tensor.from(device, bytes, { dtype: "u32", shape: [begins.length, context] });
}

const random = new RandomSource(2).stream();
for (let step = 0; step < steps; step++) {
  const begins = Array.from({ length: 16 }, (_, row) => random.uniform(16 * step + row))
    .map((share) => Math.floor(share * (seen.length - context)));
  using tokens = windows(seen, begins);
  using loss = causalLoss(await model.forward(tokens), tokens);
  if (step % 40 === 0) console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
}

const count = Math.floor(unseen.length / context);
using tokens = windows(unseen, Array.from({ length: count }, (_, row) => context * row));
using loss = await noGrad(async () => causalLoss(await model.forward(tokens), tokens));
console.log(`held-out loss: ${(await loss.item()).toFixed(4)} nats per byte`);

const written = [...new TextEncoder().encode("The ")];
while (written.length < context) {
  using soFar = Tensor.from(device, written, { dtype: "u32", shape: [1, written.length] });
  using chances = await noGrad(async () => softmax(await model.forward(soFar))); // [1, T, 256]
  let left = 0.999 * random.uniform(16 * steps + written.length);
  written.push((await chances.data()).subarray(-256).findIndex((chance) => (left -= chance) < 0));
}
console.log(JSON.stringify(new TextDecoder().decode(Uint8Array.from(written))));
