// Tasks of records: each kind of record becomes the rows of its task, for training and for evaluation.

import type { Decoder } from "../../models/decoder.ts";
import type { BertMaskedLm } from "../../models/bert.ts";
import type { BertClassifier } from "../../models/bert_classifier.ts";
import type { BertTokenClassifier } from "../../models/bert_token_classifier.ts";
import type { ProblemType } from "../../models/losses/classification_loss.ts";
import type { T5 } from "../../models/t5.ts";
import type { ChatTemplate } from "../chat_template.ts";
import type { DataSource } from "../data/data_source.ts";
import { documentTokens } from "../data/document_tokens.ts";
import type { DataRecord } from "../data/records.ts";
import type { Task } from "../task.ts";
import { LabelsBuilder } from "./class_labels.ts";
import type { ClassNames } from "./class_names.ts";
import {
  divideExamples,
  type ExampleCounts,
  type ExampleTaker,
  type Placed,
} from "./divided_examples.ts";
import {
  chatTokens,
  endedTokens,
  promptTokens,
  roomIn,
  surroundedTokens,
  wordTokens,
} from "./example_tokens.ts";
import { languageRows, type TargetBatch, targetRow } from "./language_rows.ts";
import { type MaskedBatch, maskedLanguageModel } from "./masked_language_model.ts";
import { sequenceToSequence, type TextPairBatch, textPairRow } from "./sequence_to_sequence.ts";
import { type TextClassBatch, textClassification, typedRow } from "./text_classification.ts";
import type { TextTokenizer } from "./text_tokenizer.ts";
import { labelledRow, type TokenClassBatch, tokenClassification } from "./token_classification.ts";
import { type RowWriter, rowWriter, tokenRows } from "./token_rows.ts";

/** The data of a task, and how it is tokenized. */
export interface RecordsOfTask<Source> {
  readonly data: Source;
  /** Other data to evaluate on. Default: one example of ten. */
  readonly evaluation?: Source | undefined;
  readonly tokenizer: TextTokenizer;
  /** The most tokens of an example. */
  readonly context: number;
}

/** A task, and how many examples it has. Disposing it closes the files of its rows. */
export interface RecordTask<OneTask> extends Disposable {
  readonly task: OneTask;
  readonly counts: ExampleCounts;
}

/** What a row is made of a record: it, or why there is none. */
type MadeRow =
  | { readonly row: ArrayLike<number>; readonly isCut: boolean }
  | { readonly leftOut: string };

/** Takes records as rows. */
class RowTaker<Record extends Placed> implements ExampleTaker<Record> {
  readonly writer: RowWriter = rowWriter();
  readonly #make: (record: Record) => MadeRow;

  constructor(make: (record: Record) => MadeRow) {
    this.#make = make;
  }

  take(record: Record) {
    const made = placed(record.place, () => this.#make(record));
    if ("leftOut" in made) return made;
    this.writer.append({ row: made.row });
    return made.isCut ? "cut" as const : "whole" as const;
  }
}

/** Makes the rows of records, by `maker` for each part. */
async function dividedRows<Record extends Placed>(
  { data, evaluation }: {
    readonly data: AsyncIterable<Record>;
    readonly evaluation: AsyncIterable<Record> | undefined;
  },
  make: (record: Record, part: "train" | "heldOut") => MadeRow,
) {
  using scope = new DisposableStack();
  const takerOf = (part: "train" | "heldOut") => {
    const taker = new RowTaker<Record>((record) => make(record, part));
    scope.use(taker.writer);
    return taker;
  };
  const [train, heldOut] = [takerOf("train"), takerOf("heldOut")];
  const counts = await divideExamples(data, { train, heldOut, evaluation });
  const stores = new DisposableStack();
  const rowsOf = ({ writer }: RowTaker<Record>) => tokenRows(stores.use(writer.finish()));
  return {
    counts,
    rows: { train: rowsOf(train), heldOut: rowsOf(heldOut) },
    [Symbol.dispose]: () => stores.dispose(),
  };
}

/** Learning the completions of prompts, or the assistant's answers in chats. @throws {Error} naming the place of a record that is wrong */
export async function answersTask(
  { data, evaluation, tokenizer, context, template }:
    & RecordsOfTask<DataSource<"prompt-completion" | "messages">>
    & { readonly template?: ChatTemplate | undefined },
): Promise<RecordTask<Task<Decoder, TargetBatch>>> {
  const tokensOf = (record: DataRecord<"prompt-completion" | "messages">) =>
    "messages" in record
      ? chatTokens(record.messages, { tokenizer, template: template!, context })
      : promptTokens(record, { tokenizer, context });
  const { rows, ...divided } = await dividedRows(recordsOf({ data, evaluation }), (record) => {
    const { isCut, ...tokens } = tokensOf(record);
    const row = targetRow(tokens);
    return row === undefined ? { leftOut: noTarget(isCut, context) } : { row, isCut };
  });
  return { ...divided, task: languageRows({ ...rows, context }) };
}

/** Predicting masked tokens of texts, which are divided into pieces of `context` tokens. @throws {Error} as {@linkcode answersTask} */
export async function maskedTask(
  { data, evaluation, tokenizer, context, seed, vocabularySize }:
    & RecordsOfTask<DataSource<"text">>
    & { readonly seed: number; readonly vocabularySize: number },
): Promise<RecordTask<Task<BertMaskedLm, MaskedBatch>>> {
  const { special, single, tokens: { mask: maskToken } } = tokenizer;
  if (maskToken === undefined) {
    throw new TypeError(
      `the tokenizer (${tokenizer.name}) has no mask token, which masked language modelling needs: give that of the model`,
    );
  }
  const pieces = (source: DataSource<"text">) => piecesOf(source, tokenizer, context);
  const { rows, ...divided } = await dividedRows(
    {
      data: pieces(data),
      evaluation: evaluation && pieces(evaluation),
    },
    ({ tokens }) =>
      tokens.every((token) => special.has(token))
        ? { leftOut: "no tokens but special ones" }
        : { row: [...single.before, ...tokens, ...single.after], isCut: false },
  );
  const masking = { seed, maskToken, vocabularySize, special };
  return { ...divided, task: maskedLanguageModel({ ...rows, context, ...masking }) };
}

/** Writing targets for inputs. @throws {Error} as {@linkcode answersTask} */
export async function pairsTask(
  { data, evaluation, tokenizer, context, end, vocabularySize }:
    & RecordsOfTask<DataSource<"input-target">>
    & { readonly end: number | undefined; readonly vocabularySize: number },
): Promise<RecordTask<Task<T5, TextPairBatch>>> {
  const tokensOf = (text: string) => endedTokens(text, { tokenizer, context, end });
  const { rows, ...divided } = await dividedRows(
    recordsOf({ data, evaluation }),
    ({ input, target }) => {
      const [one, other] = [tokensOf(input), tokensOf(target)];
      if (one.tokens.length === 0) return { leftOut: "empty input" };
      if (other.tokens.length === 0) return { leftOut: "empty target" };
      return { row: textPairRow(one.tokens, other.tokens), isCut: one.isCut || other.isCut };
    },
  );
  return { ...divided, task: sequenceToSequence({ ...rows, context, vocabularySize }) };
}

/** The classes of a task. */
export interface ClassesOfTask {
  readonly names: ClassNames;
  /** What labels are. */
  readonly problem: ProblemType;
}

/** Classifying texts, or pairs of them. @throws {Error} as {@linkcode answersTask} */
export async function textClassesTask(
  { data, evaluation, tokenizer, context, ...classes }:
    & RecordsOfTask<DataSource<"labelled-text">>
    & ClassesOfTask,
): Promise<RecordTask<Task<BertClassifier, TextClassBatch>>> {
  const labels = { train: new LabelsBuilder(classes), heldOut: new LabelsBuilder(classes) };
  const { rows: { train, heldOut }, ...divided } = await dividedRows(
    recordsOf({ data, evaluation }),
    (record, part) => {
      const { isCut, ...tokens } = surroundedTokens(record, { tokenizer, context });
      if (tokens.tokens.length === 0) return { leftOut: "empty text" };
      labels[part].add(record.label, record.place);
      return { row: typedRow(tokens), isCut };
    },
  );
  return {
    ...divided,
    task: textClassification({
      train: { rows: train, labels: labels.train.labels() },
      heldOut: { rows: heldOut, labels: labels.heldOut.labels() },
      context,
    }),
  };
}

/** Classifying words. @throws {Error} as {@linkcode answersTask} */
export async function tokenClassesTask(
  { data, evaluation, tokenizer, context, names }:
    & RecordsOfTask<DataSource<"tagged-tokens">>
    & Pick<ClassesOfTask, "names">,
): Promise<RecordTask<Task<BertTokenClassifier, TokenClassBatch>>> {
  const { rows, ...divided } = await dividedRows(
    recordsOf({ data, evaluation }),
    ({ tokens: words, tags, place }) => {
      const { isCut, ...tokens } = wordTokens(words, { tokenizer, context });
      const row = labelledRow(tokens, tags.map((tag) => names.indexOf(tag, place)));
      return row === undefined ? { leftOut: noTarget(isCut, context) } : { row, isCut };
    },
  );
  return { ...divided, task: tokenClassification({ ...rows, context, numClasses: names.length }) };
}

function recordsOf<Source extends DataSource>(
  { data, evaluation }: {
    readonly data: Source;
    readonly evaluation: Source | undefined;
  },
): {
  readonly data: ReturnType<Source["records"]>;
  readonly evaluation: ReturnType<Source["records"]> | undefined;
} {
  type Records = ReturnType<Source["records"]>;
  return { data: data.records() as Records, evaluation: evaluation?.records() as Records };
}

/** A piece of a text. */
interface TextPiece extends Placed {
  readonly tokens: readonly number[];
}

/** The tokens of every text in pieces that fit between special tokens. */
async function* piecesOf(
  source: DataSource<"text">,
  tokenizer: TextTokenizer,
  context: number,
): AsyncGenerator<TextPiece> {
  const most = roomIn(context, tokenizer.single);
  for await (const { place, pieces } of source.documents()) {
    const rest: number[] = [];
    for await (const tokens of documentTokens(pieces, tokenizer.encode, { place })) {
      for (const token of Array.from(tokens)) rest.push(token);
      while (rest.length >= most) yield { place, tokens: rest.splice(0, most) };
    }
    if (rest.length > 0) yield { place, tokens: rest };
  }
}

function noTarget(isCut: boolean, context: number): string {
  return isCut ? `no target among the first ${context} tokens` : "nothing to predict";
}

/** Adds the place of a record to an error about it. */
function placed<T>(place: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw message.startsWith(place) ? cause : new TypeError(`${place}: ${message}`, { cause });
  }
}
