// The model and the records that flags name, made into a task.

import type { Device } from "../device/device.ts";
import { BertMaskedLm } from "../models/bert.ts";
import { BertClassifier } from "../models/bert_classifier.ts";
import { BertTokenClassifier } from "../models/bert_token_classifier.ts";
import type { ModelConfig } from "../models/config/model_config.ts";
import { Decoder } from "../models/decoder.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { T5 } from "../models/t5.ts";
import { VitClassifier } from "../models/vit.ts";
import { readChatTemplate } from "../train/chat_template.ts";
import type { DataSource } from "../train/data/data_source.ts";
import { readPreprocessing } from "../train/data/image_pixels.ts";
import { describeLeftOut } from "../train/data/left_out.ts";
import type { RecordKind } from "../train/data/records.ts";
import type { Task, TaskName } from "../train/task.ts";
import { type ClassNames, LabelCollector } from "../train/tasks/class_names.ts";
import { imagesTask } from "../train/tasks/image_records.ts";
import {
  answersTask,
  maskedTask,
  pairsTask,
  type RecordTask,
  textClassesTask,
  tokenClassesTask,
} from "../train/tasks/record_tasks.ts";
import { someExamples } from "../train/tasks/some_examples.ts";
import { byteTexts, readTextTokenizer, type TextTokenizer } from "../train/tasks/text_tokenizer.ts";
import { classesFor, PROBLEMS } from "./class_flags.ts";
import { modelFromFlags } from "./model_from_flags.ts";
import type { TrainOptions } from "./train_options.ts";

/** What the records of flags became. Disposing it releases the model, and closes files of data. */
export interface PreparedRecords extends Disposable {
  readonly model: PretrainedModel<never>;
  readonly task: Task;
  readonly data: string;
  readonly counts: Readonly<Record<string, number>>;
  /** The most tokens of an example. */
  readonly context: number;
}

/** The data that flags name, and what is known of the model before it is loaded. */
export interface GivenRecords {
  readonly flags: TrainOptions;
  readonly rank: number;
  readonly config: ModelConfig;
  readonly name: TaskName;
  readonly data: DataSource;
  readonly evaluation: DataSource | undefined;
}

/** Reads records and the model. @throws {Error} if something is wrong with them */
export async function prepareRecords(
  device: Device,
  given: GivenRecords,
): Promise<PreparedRecords> {
  const { flags, name, data: { kind, leftOut: files } } = given;
  // Images need none, and a folder of ViT has none.
  const tokenizer = flags.tokenizer === "bytes" || kind === "image"
    ? byteTexts
    : await readTextTokenizer(flags.tokenizer);
  const { model, task, counts, context, names, ...owned } = await MAKERS[name](device, {
    ...given,
    tokenizer,
  });
  const heldOut = someExamples(task.heldOut, { maxTokens: flags.evalTokens });
  const { train: trainExamples, heldOut: heldOutExamples, cut: cutExamples, leftOut } = counts;
  const rows = kind === "image" ? "" : `, in padded rows of at most ${context} tokens`;
  const leftOutExamples = leftOut.reduce((total, { count }) => total + count, 0);
  return {
    model,
    task: { ...task, heldOut },
    context,
    data: [
      `${name} on ${
        KIND_NAMES[kind]
      }${rows}: ${trainExamples} to train on, ${heldOutExamples} held out` +
      (heldOut.length < heldOutExamples ? `, of which ${heldOut.length} are evaluated` : ""),
      cutExamples === 0 ? [] : `${cutExamples} cut (--context)`,
      [...files, ...leftOut].map(describeLeftOut),
      kind === "prompt-completion" && tokenizer.tokens.end === undefined
        ? "the tokenizer has no token that ends texts, so that completions do not learn to end"
        : [],
      names === undefined ? [] : describeNames(names),
    ].flat().join("; "),
    counts: { trainExamples, heldOutExamples, cutExamples, leftOutExamples },
    [Symbol.dispose]: () => owned[Symbol.dispose](),
  };
}

const KIND_NAMES: Readonly<Record<RecordKind, string>> = {
  "text": "pieces of text",
  "prompt-completion": "prompts and completions",
  "messages": "chats",
  "labelled-text": "labelled texts",
  "unlabelled-text": "texts",
  "words": "texts of words",
  "tagged-tokens": "texts with tagged words",
  "input-target": "pairs of input and target",
  "image": "images",
};

function describeNames({ names }: ClassNames): string {
  const some = names.slice(0, MOST_NAMES).join(", ");
  return `${names.length} classes: ${some}${names.length > MOST_NAMES ? ", ..." : ""}`;
}

const MOST_NAMES = 20;

/** A model with its task. */
interface MadeTask extends RecordTask<Task> {
  readonly model: PretrainedModel<never>;
  readonly context: number;
  readonly names?: ClassNames;
}

type Maker = (
  device: Device,
  given: GivenRecords & { readonly tokenizer: TextTokenizer },
) => Promise<MadeTask>;

/** Makes the task of each name. */
const MAKERS: Readonly<Record<TaskName, Maker>> = {
  "causal-lm": async (device, { flags, rank, data, evaluation, tokenizer }) => {
    const model = await modelFromFlags(device, { flags, rank, model: Decoder });
    return await withModel(model, async () => {
      const { positions, tokens } = model.description;
      const most = positions.kind === "learned" ? positions.count : Infinity;
      requireVocabulary(tokenizer, tokens.count);
      const context = contextFor(flags, { most });
      const template = data.kind === "messages" ? await readChatTemplate(flags.model) : undefined;
      const source = { data, evaluation } as Sources<"prompt-completion" | "messages">;
      return { context, ...await answersTask({ ...source, tokenizer, context, template }) };
    });
  },
  "masked-lm": async (device, { flags, rank, config, data, evaluation, tokenizer }) => {
    const model = await modelFromFlags(device, { flags, rank, model: BertMaskedLm });
    return await withModel(model, async () => {
      const context = contextFor(flags, { most: bertContext(config) });
      const [vocabularySize] = model.encoder.tokenTable.shape;
      requireVocabulary(tokenizer, vocabularySize);
      const source = { data, evaluation } as Sources<"text">;
      const options = { tokenizer, context, seed: flags.seed, vocabularySize };
      return { context, ...await maskedTask({ ...source, ...options }) };
    });
  },
  "seq2seq": async (device, { flags, rank, data, evaluation, tokenizer }) => {
    const model = await modelFromFlags(device, { flags, rank, model: T5 });
    return await withModel(model, async () => {
      const context = contextFor(flags, { most: Infinity });
      const vocabularySize = Number(model.form.config.values.vocab_size ?? 32128);
      requireVocabulary(tokenizer, vocabularySize);
      const { tokens: { end } } = tokenizer;
      const source = { data, evaluation } as Sources<"input-target">;
      return {
        context,
        ...await pairsTask({ ...source, tokenizer, context, end, vocabularySize }),
      };
    });
  },
  "classification": async (device, given) => {
    const { flags, rank, config, tokenizer } = given;
    const { data, evaluation } = given as Sources<"labelled-text">;
    const found = new LabelCollector();
    for await (const { label } of data.records()) found.add(label);
    const classes = classesFor(found, { flags, config, head: "ForSequenceClassification" });
    const model = await modelFromFlags(device, { flags, rank, model: BertClassifier, classes });
    return await withModel(model, async () => {
      requireVocabulary(tokenizer, model.encoder.tokenTable.shape[0]);
      const context = contextFor(flags, { most: bertContext(config) });
      const options = { data, evaluation, tokenizer, context, ...classes };
      return { context, names: classes.names, ...await textClassesTask(options) };
    });
  },
  "token-classification": async (device, given) => {
    const { flags, rank, config, tokenizer } = given;
    const { data, evaluation } = given as Sources<"tagged-tokens">;
    const found = new LabelCollector();
    for await (const { tags } of data.records()) for (const tag of tags) found.add(tag);
    const { names } = classesFor(found, { flags, config, head: "ForTokenClassification" });
    const model = await modelFromFlags(device, {
      flags,
      rank,
      model: BertTokenClassifier,
      classes: { names },
    });
    return await withModel(model, async () => {
      requireVocabulary(tokenizer, model.encoder.tokenTable.shape[0]);
      const context = contextFor(flags, { most: bertContext(config) });
      const options = { data, evaluation, tokenizer, context, names };
      return { context, names, ...await tokenClassesTask(options) };
    });
  },
  "image-classification": imageTaskOf,
};

async function imageTaskOf(
  device: Device,
  { flags, rank, config, ...given }: GivenRecords,
): Promise<MadeTask> {
  const { data, evaluation } = given as Sources<"image">;
  const found = new LabelCollector();
  for await (const { label } of data.records()) found.add(label);
  const { names } = classesFor(found, { flags, config, head: "ForImageClassification" });
  const problem = PROBLEMS.single;
  const model = await modelFromFlags(device, {
    flags,
    rank,
    model: VitClassifier,
    classes: { names, problem },
  });
  return await withModel(model, async () => {
    // No patch is masked in this task.
    if (model.maskToken !== undefined) model.maskToken.requiresGrad = false;
    const { numChannels, imageSize: [height, width] } = model.description;
    const preprocessing = await readPreprocessing(`${flags.model}/preprocessor_config.json`, {
      imageSize: height,
    });
    const shape = [numChannels, height, width] as const;
    const options = { data, evaluation, preprocessing, shape, names };
    return { context: 0, names, ...await imagesTask(options) };
  });
}

/** Data, and other data to evaluate on. */
interface Sources<Kind extends RecordKind> {
  readonly data: DataSource<Kind>;
  readonly evaluation: DataSource<Kind> | undefined;
}

/** What `make` adds to a model, and the model, to be disposed of together; if it throws, the model is. */
async function withModel(
  model: PretrainedModel<never>,
  make: () => Promise<Omit<MadeTask, "model">>,
): Promise<MadeTask> {
  using scope = new DisposableStack();
  scope.use(model);
  const made = scope.use(await make());
  const owned = scope.move();
  return { ...made, model, [Symbol.dispose]: () => owned.dispose() };
}

function bertContext({ values }: ModelConfig): number {
  return Number(values.max_position_embeddings ?? 512);
}

/** Tokens of an example. @throws {RangeError} if --context is more than the model supports */
function contextFor({ context }: TrainOptions, { most }: { readonly most: number }): number {
  if (context === undefined) return Math.min(DEFAULT_CONTEXT, most);
  if (context <= most) return context;
  throw new RangeError(
    `--context ${context} is more than the ${most} tokens that the model supports`,
  );
}

/** Examples are padded to the longest of a step, so a large one costs nothing where they are short. */
const DEFAULT_CONTEXT = 1024;

function requireVocabulary({ name, vocabularySize }: TextTokenizer, count: number): void {
  if (vocabularySize <= count) return;
  throw new RangeError(
    `the tokenizer (${name}) has ${vocabularySize} tokens, and the model's vocabulary has ${count}: ` +
      "give the model's own tokenizer",
  );
}
