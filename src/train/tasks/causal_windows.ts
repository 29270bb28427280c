// Predicting the next token of a text, in windows of T tokens:
//
//   tokens  [B, T]   text[s + t]              s: start of a window
//   targets [B, T]   text[s + t + 1]
//
// A pass over the text has windows that follow each other: those of the first pass begin at 0, T, 2 T, ..., those of later ones at an
// offset that is drawn for the pass, so that windows end elsewhere each time. Past the last start of a whole window they begin anew.

import type { Decoder } from "../../models/decoder.ts";
import { RandomStream } from "../../nn/philox.ts";
import { balancedLoss, requireBalanceable } from "../balanced_loss.ts";
import { languageModel } from "../distributed_model.ts";
import type { ModelSplit } from "../model_split.ts";
import type { BoundTask, DrawnExample, Examples, Task } from "../task.ts";
import { evenStarts, makeBatch, type TokenBatch } from "../token_batch.ts";
import type { TokenSequence } from "../token_sequence.ts";
import { ExpertLoad } from "./metrics/expert_load.ts";

/** The text of a task, and its windows. */
export interface CausalWindowsOptions {
  readonly train: TokenSequence;
  readonly heldOut: TokenSequence;
  /** T, tokens per window. */
  readonly context: number;
  /** Number of held-out tokens of an evaluation, at least one window. */
  readonly evaluateTokens: number;
  /** Seed of the offsets of passes. */
  readonly seed: number;
}

/** Makes the task of predicting the next token. @throws {RangeError} if a text is not longer than a window */
export function causalWindows(
  { train, heldOut, context, evaluateTokens, seed }: CausalWindowsOptions,
): Task<Decoder, TokenBatch> {
  const starts = heldOutStarts({ text: heldOut, context, evaluateTokens });
  return {
    name: "causal-lm",
    facts: { context: String(context) },
    hasVocabularyLogits: true,
    train: windows(train, {
      context,
      length: windowsPerPass(train, context),
      startOf: ({ index, epoch }) => windowStart({ text: train, context, seed }, { index, epoch }),
    }),
    heldOut: windows(heldOut, {
      context,
      length: starts.length,
      startOf: ({ index }) => starts[index],
    }),
    bind: (model, split) => bound(model, split, context),
  };
}

/** Starts of the held-out windows of an evaluation: the same ones every time. */
export function heldOutStarts(
  { text, context, evaluateTokens }: {
    readonly text: Pick<TokenSequence, "length">;
    readonly context: number;
    readonly evaluateTokens: number;
  },
): number[] {
  const maxCount = Math.max(1, Math.floor(evaluateTokens / context));
  return evenStarts({ text, context }, { maxCount });
}

/** Number of windows that follow each other in a text. */
function windowsPerPass({ length }: Pick<TokenSequence, "length">, context: number): number {
  return Math.floor((length - 1) / context);
}

/** The start of a window of a pass. */
export function windowStart(
  { text, context, seed }: {
    readonly text: Pick<TokenSequence, "length">;
    readonly context: number;
    readonly seed: number;
  },
  { index, epoch }: DrawnExample,
): number {
  const numStarts = text.length - context;
  const random = new RandomStream([(seed ^ OFFSETS) >>> 0, epoch]);
  const uniform = random.uniform(0) + 2 ** -24 * random.uniform(1);
  const offset = epoch === 0 ? 0 : Math.floor(uniform * numStarts);
  return (offset + index * context) % numStarts;
}

/** Separates these random numbers from those of initial values, which use the seed itself. */
const OFFSETS = 0x6f666673;

function windows(
  text: TokenSequence,
  { context, length, startOf }: {
    readonly context: number;
    readonly length: number;
    readonly startOf: (example: DrawnExample) => number;
  },
): Examples<TokenBatch> {
  if (length < 1) {
    throw new RangeError(
      `A text of ${text.length} tokens has no window of ${context} and the token after it`,
    );
  }
  return {
    length,
    numTargets: () => context,
    numTokens: () => context,
    batch: (device, drawn) => makeBatch(device, { text, context, starts: drawn.map(startOf) }),
    digest: async () => `sha256:${await text.digest()}`,
  };
}

function bound(model: Decoder, split: ModelSplit, context: number): BoundTask<TokenBatch> {
  requireBalanceable(model);
  const load = new ExpertLoad(model);
  const { loss } = languageModel(model, split);
  return {
    loss: (batch, dropout) =>
      balancedLoss({ model, split }, (routing) => loss(batch, { dropout, routing })),
    score: async (batch) => {
      const routing = load.record();
      using mean = await loss(batch, { routing });
      const numTargets = batch.tokens.shape[0] * context;
      return Float64Array.of(
        numTargets * await mean.item(),
        numTargets,
        ...load.sumsOf(routing),
      );
    },
    metrics: ([totalLoss, numTargets, ...counts]) => ({
      perplexity: Math.exp(totalLoss / numTargets),
      ...load.metrics(counts),
    }),
  };
}
