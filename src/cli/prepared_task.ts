// The model and the data that flags name, made into a task.

import { readConfig } from "../checkpoint/pretrained.ts";
import type { Device } from "../device/device.ts";
import { Decoder } from "../models/decoder.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { RandomSource } from "../nn/philox.ts";
import { type DataSource, openData } from "../train/data/data_source.ts";
import { languageModel } from "../train/distributed_model.ts";
import type { ModelSplit } from "../train/model_split.ts";
import { sampleTokens } from "../train/sampling.ts";
import type { Task } from "../train/task.ts";
import { byteTokenizer, readTokenizer, type Tokenizer } from "../train/tokenizer.ts";
import { prepareRecords } from "./record_task.ts";
import { kindsOf, taskFor, tasksOf } from "./task_choice.ts";
import { prepareText } from "./text_task.ts";
import type { TrainOptions } from "./train_options.ts";

/** A model and its task. Disposing it releases the model, and closes files of data. */
export interface PreparedTask extends Disposable {
  readonly model: PretrainedModel<never>;
  readonly task: Task;
  /** What is said of the data at the start, in one sentence or several. */
  readonly data: string;
  /** The same for the log. */
  readonly counts: Readonly<Record<string, number>>;
  /** Continues the text of --sample after training; undefined without that flag. All ranks call it together. */
  readonly sample: ((split: ModelSplit) => Promise<string>) | undefined;
}

/** Reads the model and the data. @throws {Error} if something is wrong with them */
export async function prepareTask(
  device: Device,
  { flags, rank }: { readonly flags: TrainOptions; readonly rank: number },
): Promise<PreparedTask> {
  const config = await readConfig(flags.model);
  const tasks = tasksOf(config, flags.task);
  await using data = await openData(flags.data, { kinds: kindsOf(tasks) });
  await using evaluation = flags.evalData && await openData(flags.evalData, { kinds: [data.kind] });
  const name = taskFor(data.kind, tasks);
  if (name !== "causal-lm") requireNoSample(flags, name);
  if (!name.endsWith("classification")) requireNoClasses(flags, name);
  const tokenizer = name === "causal-lm" ? await tokenizerFromFlags(flags) : undefined;
  using scope = new DisposableStack();
  const prepared = name === "causal-lm" && data.kind === "text"
    ? await prepareText(device, {
      flags,
      rank,
      tokenizer: tokenizer!,
      ...{ data, evaluation } as {
        readonly data: DataSource<"text">;
        readonly evaluation: DataSource<"text"> | undefined;
      },
    })
    : await prepareRecords(device, { flags, rank, config, name, data, evaluation });
  scope.use(prepared);
  const { model, context } = prepared;
  const sample = model instanceof Decoder
    ? sampleFromFlags(model, { device, flags, tokenizer: tokenizer!, context })
    : undefined;
  scope.move();
  return { ...prepared, sample };
}

async function tokenizerFromFlags({ tokenizer }: TrainOptions): Promise<Tokenizer> {
  return tokenizer === "bytes" ? byteTokenizer : await readTokenizer(tokenizer);
}

function requireNoSample({ sample }: TrainOptions, name: string): void {
  if (sample === undefined) return;
  throw new TypeError(`--sample continues a text, and the task is ${name}: leave it out`);
}

function requireNoClasses({ labels, problem }: TrainOptions, name: string): void {
  if (labels === undefined && problem === undefined) return;
  const flag = labels === undefined ? "--problem" : "--labels";
  throw new TypeError(
    `${flag} is for classes, and the task is ${name}: leave it out, or give a model and data for classification`,
  );
}

/** @throws {RangeError} if the text of --sample has no token */
function sampleFromFlags(
  model: Decoder,
  { device, flags, tokenizer, context }: {
    readonly device: Device;
    readonly flags: TrainOptions;
    readonly tokenizer: Tokenizer;
    readonly context: number;
  },
): PreparedTask["sample"] {
  const { sample, sampleTokens: length, temperature, topK, topP, seed } = flags;
  if (sample === undefined) return undefined;
  const prompt = [...tokenizer.encode(new TextEncoder().encode(sample))];
  if (prompt.length === 0) {
    throw new RangeError("--sample needs a text of at least one token to continue");
  }
  return async (split) => {
    const random = new RandomSource(seed).stream();
    const rules = { temperature, topK: topK === 0 ? undefined : topK, topP };
    const options = { device, prompt, length, context, random, ...rules };
    return tokenizer.decode(await sampleTokens(languageModel(model, split), options));
  };
}
