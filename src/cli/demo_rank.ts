// One rank of the demo. Rank 0 tells the program that started it what happens, as lines of JSON.

import { requestDevice } from "../device/request_device.ts";
import { launchFromEnv } from "../distributed/launch.ts";
import { splitCorpus } from "../train/corpus.ts";
import { readText } from "../train/text_files.ts";
import { trainLanguageModel } from "../train/language_training.ts";
import type { TrainingEvent } from "../train/language_training_options.ts";
import { parseDemoOptions } from "./demo_options.ts";
import { demoModel, demoTraining } from "./demo_training.ts";

/** What rank 0 prints, one to a line. */
export type DemoMessage =
  | { readonly kind: "start"; readonly device: string; readonly parameters: number }
  | Exclude<TrainingEvent, { readonly kind: "sample" }>
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
  const say = (message: DemoMessage) => {
    if (world.rank === 0) console.log(JSON.stringify(message));
  };
  const parameters = model.parameters().reduce((total, { length }) => total + length, 0);
  say({ kind: "start", device: device.description, parameters });
  const training = demoTraining(options, splitCorpus((await readText(data)).text));
  await trainLanguageModel(world, model, {
    ...training,
    onEvent: (event) => {
      if (event.kind === "sample") say({ ...event, prompt: training.sample!.prompt });
      else say(event);
    },
  });
}
