// One rank of the demo. Rank 0 reports to the program that started it, in lines of JSON.

import { requestDevice } from "../device/request_device.ts";
import { launchFromEnv } from "../distributed/launch.ts";
import { splitCorpus } from "../train/corpus.ts";
import { readText } from "../train/text_files.ts";
import { trainLanguageModel } from "../train/language_training.ts";
import type { TrainingEvent } from "../train/training_options.ts";
import { parseDemoOptions } from "./demo_options.ts";
import { demoModel, demoTraining } from "./demo_training.ts";

/** A line that rank 0 prints. */
export type DemoMessage =
  | { readonly kind: "start"; readonly device: string; readonly parameters: number }
  | TrainingEvent
  | {
    readonly kind: "sample";
    readonly prompt: readonly number[];
    readonly tokens: readonly number[];
  };

if (import.meta.main) {
  const { data, device: kind, ...options } = parseDemoOptions(Deno.args);
  await using world = await launchFromEnv();
  using device = await requestDevice(kind === "auto" ? {} : { kind });
  using model = demoModel(device, options.seed);
  const print = (message: DemoMessage) => {
    if (world.rank === 0) console.log(JSON.stringify(message));
  };
  const parameters = model.parameters().reduce((total, { length }) => total + length, 0);
  print({ kind: "start", device: device.description, parameters });
  const training = demoTraining(options, splitCorpus((await readText(data)).text));
  await trainLanguageModel(world, model, {
    ...training,
    onEvent: (event) => {
      if (event.kind === "sample") print({ ...event, prompt: training.sample!.prompt });
      else print(event);
    },
  });
}
