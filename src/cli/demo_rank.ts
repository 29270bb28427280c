// One rank of the demo. Rank 0 tells the program that started it what happens, as lines of JSON.

import { requestDevice } from "../device/request_device.ts";
import { launchFromEnv } from "../dist/launch.ts";
import { trainByteModel } from "../train/byte_training.ts";
import { readText, splitCorpus } from "../train/corpus.ts";
import type { ByteTrainingResult, StepReport } from "../train/byte_training.ts";
import { parseDemoOptions } from "./demo_options.ts";

/** What rank 0 prints, one to a line. */
export type DemoMessage =
  | { readonly kind: "start"; readonly device: string }
  | { readonly kind: "step"; readonly report: StepReport }
  | { readonly kind: "result"; readonly result: ByteTrainingResult };

const SIZES = { context: 16, embedding: 24, hidden: 512, bottleneck: 128 };

if (import.meta.main) {
  const { data, device: kind, ...options } = parseDemoOptions(Deno.args);
  await using world = await launchFromEnv();
  using device = await requestDevice(kind === "auto" ? {} : { kind });
  const corpus = splitCorpus((await readText(data)).text);
  const say = (message: DemoMessage) => {
    if (world.rank === 0) console.log(JSON.stringify(message));
  };
  say({ kind: "start", device: device.description });
  const result = await trainByteModel(world, device, {
    ...options,
    corpus,
    sizes: SIZES,
    batchSize: 256,
    lr: 5e-3,
    sampleLength: 240,
    onStep: (report) => say({ kind: "step", report }),
  });
  say({ kind: "result", result });
}
