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

/** The tasks of models by their `model_type`; all others are decoders. */
const OF_MODELS: Readonly<Record<string, readonly TaskName[]>> = {
  bert: ["masked-lm", "classification", "token-classification"],
  t5: ["seq2seq"],
  vit: ["image-classification"],
};

/** The tasks that a model can be trained on; one, if `wanted` names it. @throws {TypeError} if that does not fit the model */
export function tasksOf(config: ModelConfig, wanted: TaskName | undefined): readonly TaskName[] {
  const type = String(config.values.model_type);
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

/** The kinds of data that the tasks learn from. */
export function kindsOf(tasks: readonly TaskName[]): readonly RecordKind[] {
  return tasks.flatMap((task) => KINDS[task]);
}

/** The one of the tasks that learns from data of a kind. */
export function taskFor(kind: RecordKind, tasks: readonly TaskName[]): TaskName {
  return tasks.find((task) => KINDS[task].includes(kind))!;
}
