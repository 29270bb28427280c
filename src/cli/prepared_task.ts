// The model and the data that flags name, made into a task.

import type { Device } from "../device/device.ts";
import type { Decoder } from "../models/decoder.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { RandomSource } from "../nn/philox.ts";
import { languageModel } from "../train/distributed_model.ts";
import type { ModelSplit } from "../train/model_split.ts";
import { Order2Baseline } from "../train/order2_baseline.ts";
import { sampleTokens } from "../train/sampling.ts";
import type { Task } from "../train/task.ts";
import { causalWindows, heldOutStarts } from "../train/tasks/causal_windows.ts";
import { tokensInMemory } from "../train/token_sequence.ts";
import { byteTokenizer, readTokenizer, type Tokenizer } from "../train/tokenizer.ts";
import { readTokens, splitTail } from "../train/tokens.ts";
import { modelFromFlags } from "./model_from_flags.ts";
import type { TrainOptions } from "./train_options.ts";

/** A model and its task. */
export interface PreparedTask {
  /** The caller disposes of it. */
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
  using scope = new DisposableStack();
  const tokenizer = flags.tokenizer === "bytes"
    ? byteTokenizer
    : await readTokenizer(flags.tokenizer);
  const model = scope.use(await modelFromFlags(device, { flags, rank }));
  requireVocabulary(model, tokenizer);
  const context = contextFor(model, flags);
  const { train, heldOut } = splitTail(await readTokens(flags.data, tokenizer), { context });
  const { evalTokens: evaluateTokens, seed } = flags;
  const starts = heldOutStarts({ text: heldOut, context, evaluateTokens });
  const order2Loss = tokenizer === byteTokenizer
    ? new Order2Baseline(Uint8Array.from(train))
      .loss({ text: Uint8Array.from(heldOut), context, starts })
    : undefined;
  const sample = sampleFromFlags(model, { device, flags, tokenizer, context });
  scope.move();
  return {
    model,
    task: causalWindows({
      train: tokensInMemory(train),
      heldOut: tokensInMemory(heldOut),
      context,
      evaluateTokens,
      seed,
    }),
    data: `${train.length} tokens to train on, ${heldOut.length} held out` +
      (order2Loss === undefined
        ? ""
        : `; an order-2 byte model loses ${order2Loss.toFixed(4)} on the latter`),
    counts: {
      trainTokens: train.length,
      heldOutTokens: heldOut.length,
      ...(order2Loss === undefined ? {} : { order2Loss }),
    },
    sample,
  };
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
  const { sample, sampleTokens: length, temperature, seed } = flags;
  if (sample === undefined) return undefined;
  const prompt = [...tokenizer.encode(new TextEncoder().encode(sample))];
  if (prompt.length === 0) {
    throw new RangeError("--sample needs a text of at least one token to continue");
  }
  return async (split) => {
    const random = new RandomSource(seed).stream();
    const options = { device, prompt, length, context, temperature, random };
    return tokenizer.decode(await sampleTokens(languageModel(model, split), options));
  };
}
