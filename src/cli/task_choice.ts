// The task of a training: the one that --task names, or that fits the model and the data.

import type { ModelConfig } from "../models/config/model_config.ts";
import type { RecordKind } from "../train/data/records.ts";
import type { TaskName } from "../train/task.ts";

/** The kinds of data that each task learns from. */
const KINDS: Readonly<Record<TaskName, readonly RecordKind[]>> = {
  "causal-lm": ["text", "prompt-completion", "messages"],
  "masked-lm": ["text"],
  "seq2seq": ["input-target"],
  "classification": ["labelled-text"],
  "token-classification": ["tagged-tokens"],
  "image-classification": ["image"],
};

/** The names of all tasks. */
export const TASK_NAMES = Object.keys(KINDS) as readonly TaskName[];

const OF_ENCODERS: readonly TaskName[] = ["masked-lm", "classification", "token-classification"];

/** The tasks of models by their `model_type`; all others are decoders. */
const OF_MODELS: Readonly<Record<string, readonly TaskName[]>> = {
  bert: OF_ENCODERS,
  albert: OF_ENCODERS,
  modernbert: OF_ENCODERS,
  t5: ["seq2seq"],
  vit: ["image-classification"],
  dinov2: ["image-classification"],
  siglip: ["image-classification"],
};

/** The examples that train models of which this command has no task, by their `model_type`. */
const EXAMPLES: Readonly<Record<string, string>> = {
  "blip-2": "examples/caption.ts",
  sam: "examples/segment.ts",
  whisper: "examples/transcribe.ts",
};

/** The tasks that a model can be trained on; one, if `wanted` names it. @throws {TypeError} if that does not fit the model */
export function tasksOf(config: ModelConfig, wanted: TaskName | undefined): readonly TaskName[] {
  const type = String(config.values.model_type);
  const example = exampleFor(config);
  if (example !== undefined) {
    throw config.error(`a ${type} has no task of this command: ${example} trains it`);
  }
  const all = OF_MODELS[type] ?? ["causal-lm"];
  if (wanted === undefined) return all;
  if (all.includes(wanted)) return [wanted];
  const others = [...Object.entries(OF_MODELS), ["a decoder, such as gpt2 or llama", ["causal-lm"]]]
    .filter(([, tasks]) => tasks.includes(wanted)).map(([name]) => name);
  throw config.error(
    `a ${type} does ${all.join(", ")}, and --task is ${wanted}: give a model for it (${
      others.join(", ")
    }), or leave --task out`,
  );
}

/** The example that runs and trains the model of a config of which the commands have no task. */
export function exampleFor({ values }: ModelConfig): string | undefined {
  const type = String(values.model_type);
  return Object.hasOwn(EXAMPLES, type) ? EXAMPLES[type] : undefined;
}

/** The kinds of data that the tasks learn from. */
export function kindsOf(tasks: readonly TaskName[]): readonly RecordKind[] {
  return tasks.flatMap((task) => KINDS[task]);
}

/** The one of the tasks that learns from data of a kind. */
export function taskFor(kind: RecordKind, tasks: readonly TaskName[]): TaskName {
  return tasks.find((task) => KINDS[task].includes(kind))!;
}
