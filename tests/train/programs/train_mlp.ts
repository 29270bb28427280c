// One rank of a training of the small MLP with sizes that no mesh divides; rank 0 prints its losses as JSON.

import { requestDevice } from "../../../src/device/request_device.ts";
import { launchFromEnv } from "../../../src/dist/launch.ts";
import { trainByteModel } from "../../../src/train/byte_training.ts";
import { splitCorpus } from "../../../src/train/corpus.ts";

const [tensor, zero] = Deno.args.map(Number);
const squares = Array.from({ length: 12_000 }, (_, i) => `${i * i % 997} `).join("");
await using world = await launchFromEnv();
using device = await requestDevice({ kind: "wasm" });
const losses: number[] = [];
const result = await trainByteModel(world, device, {
  corpus: splitCorpus(new TextEncoder().encode(squares)),
  sizes: { context: 7, embedding: 5, hidden: 33, bottleneck: 10 },
  tensor,
  zero,
  steps: 50,
  batchSize: 50,
  lr: 1e-2,
  seed: 3,
  sampleLength: 8,
  onStep: ({ loss }) => losses.push(loss),
});
if (world.rank === 0) console.log(JSON.stringify({ losses, ...result }));
