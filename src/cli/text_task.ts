// A decoder and the texts that flags name, made into the task of predicting the next token in windows of all texts.

import type { Device } from "../device/device.ts";
import { Decoder } from "../models/decoder.ts";
import type { DataSource } from "../train/data/data_source.ts";
import { splitTail } from "../train/data/held_out.ts";
import { describeLeftOut } from "../train/data/left_out.ts";
import { tokenizeData } from "../train/data/token_data.ts";
import { Order2Baseline } from "../train/order2_baseline.ts";
import type { Task } from "../train/task.ts";
import { causalWindows, heldOutStarts } from "../train/tasks/causal_windows.ts";
import type { TokenSequence } from "../train/token_sequence.ts";
import { byteTokenizer, type Tokenizer } from "../train/tokenizer.ts";
import { modelFromFlags } from "./model_from_flags.ts";
import type { TrainOptions } from "./train_options.ts";

/** What the texts of flags became. Disposing it releases the model, and closes files of data. */
export interface PreparedText extends Disposable {
  readonly model: Decoder;
  readonly task: Task;
  readonly data: string;
  readonly counts: Readonly<Record<string, number>>;
  /** Tokens of a window. */
  readonly context: number;
}

/** Texts, and the tokenizer for them. */
export interface GivenTexts {
  readonly flags: TrainOptions;
  readonly rank: number;
  readonly tokenizer: Tokenizer;
  readonly data: DataSource<"text">;
  readonly evaluation: DataSource<"text"> | undefined;
}

/** Reads the texts and the model. @throws {Error} if something is wrong with them */
export async function prepareText(
  device: Device,
  { flags, rank, tokenizer, data: source, evaluation }: GivenTexts,
): Promise<PreparedText> {
  using scope = new DisposableStack();
  const model = scope.use(await modelFromFlags(device, { flags, rank, model: Decoder }));
  requireVocabulary(model, tokenizer);
  const context = contextFor(model, flags);
  const tokens = scope.use(await tokenizeData(source, tokenizer, progressOf(rank)));
  const { train, heldOut } = evaluation === undefined ? splitTail(tokens, { context }) : {
    train: tokens,
    heldOut: scope.use(await tokenizeData(evaluation, tokenizer, progressOf(rank))),
  };
  const { evalTokens: evaluateTokens, seed } = flags;
  const task = causalWindows({ train, heldOut, context, evaluateTokens, seed });
  const order2Loss = tokenizer === byteTokenizer
    ? order2LossOf({ train, heldOut, context, evaluateTokens })
    : undefined;
  const owned = scope.move();
  return {
    model,
    task,
    data: [
      `text of ${count(source.files.length, "file")}, in windows of ${count(context, "token")}` +
      (tokenizer.end === undefined ? "" : ", with the end-of-text token after each document"),
      ...source.leftOut.map(describeLeftOut),
      `${train.length} tokens to train on, ${heldOut.length} held out` +
      (order2Loss === undefined
        ? ""
        : `; an order-2 byte model loses ${order2Loss.toFixed(4)} on the latter`),
    ].join("\n"),
    counts: {
      trainTokens: train.length,
      heldOutTokens: heldOut.length,
      ...(order2Loss === undefined ? {} : { order2Loss }),
    },
    context,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Rank 0 says how far the tokens of large data are, which may take minutes. */
function progressOf(rank: number): { readonly onProgress?: (tokens: number) => void } {
  if (rank !== 0) return {};
  return { onProgress: (tokens) => console.error(`${(tokens / 1e6).toFixed(0)} M tokens read`) };
}

/** The loss of an order-2 byte model on the windows of evaluations; undefined for data that is too large to count in memory. */
function order2LossOf(
  { train, heldOut, context, evaluateTokens }: {
    readonly train: TokenSequence;
    readonly heldOut: TokenSequence;
    readonly context: number;
    readonly evaluateTokens: number;
  },
): number | undefined {
  if (train.length + heldOut.length > 2 ** 26) return undefined;
  const [trained, text] = [train, heldOut].map((each) =>
    Uint8Array.from(each.read(0, each.length))
  );
  const starts = heldOutStarts({ text, context, evaluateTokens });
  return new Order2Baseline(trained).loss({ text, context, starts });
}

function requireVocabulary({ description }: Decoder, tokenizer: Tokenizer): void {
  const { count } = description.tokens;
  if (tokenizer.vocabularySize <= count) return;
  throw new RangeError(
    `the tokenizer (${tokenizer.name}) has ${tokenizer.vocabularySize} tokens, and the model's vocabulary has ${count}: ` +
      "give the model's own tokenizer",
  );
}

/** Tokens of a window. @throws {RangeError} if --context is more than the model supports */
function contextFor({ description: { positions } }: Decoder, { context }: TrainOptions): number {
  const most = positions.kind === "learned" ? positions.count : Infinity;
  if (context === undefined) return Math.min(DEFAULT_CONTEXT, most);
  if (context <= most) return context;
  throw new RangeError(
    `--context ${context} is more than the ${most} tokens that the model supports`,
  );
}

const DEFAULT_CONTEXT = 128;
