// One process of ours: fine-tunes a checkpoint as the train command does by default, on one batch.
//
//   deno run -P=train bench/finetune/ours.ts <job, as JSON>

import { Adafactor, Decoder, loadPretrained, requestDevice, Tensor } from "../../mod.ts";
import { launch, ProcessGroupMesh } from "../../mod.ts";
import { distributeModel } from "../../src/train/distributed_model.ts";
import type { Contestant, Run, Work } from "./contestants.ts";

const { folder, batch, context, steps, dtype, masterWeights }: Contestant & Work = JSON.parse(
  Deno.args[0],
);
const WARM_UP = 2;

await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
using device = await requestDevice({ kind: "wasm" });
using model = await loadPretrained(device, folder, { model: Decoder, dtype });
const { loss: lossOf } = await distributeModel(model, ProcessGroupMesh.over(world, 1));
const stored = dtype === "f32"
  ? {}
  : masterWeights
  ? { masterWeights }
  : { rounding: "stochastic" as const, seed: 1 };
using optim = new Adafactor(model.parameters(), { lr: 5e-5, scaleParameter: false, ...stored });
optim.allocateState();
const text = Uint32Array.from({ length: batch * (context + 1) }, (_, k) => tokenAt(k));
const windows = (begin: number) =>
  Tensor.from(
    device,
    Uint32Array.from(
      { length: batch * context },
      (_, k) => text[Math.floor(k / context) * (context + 1) + k % context + begin],
    ),
    { shape: [batch, context] },
  );
const [milliseconds, losses]: [number[], number[]] = [[], []];
for (let step = 0; step < WARM_UP + steps; step++) {
  const start = performance.now();
  using tokens = windows(0);
  using targets = windows(1);
  using loss = await lossOf({ tokens, targets, [Symbol.dispose]() {} });
  await optim.backwardAndStep(loss);
  losses.push(await loss.item());
  if (step >= WARM_UP) milliseconds.push(performance.now() - start);
}
console.log(JSON.stringify({ milliseconds, losses } satisfies Omit<Run, "peak">));
for await (const _ of Deno.stdin.readable);

/** peers/torch_finetune.py has it too. */
function tokenAt(index: number): number {
  return (7919 * index + (index * index) % 251) % 49152;
}
