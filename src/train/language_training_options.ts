// The options and the events of a training of a language model.

import type { OptimizerOptions } from "../optim/options/parameter_groups.ts";
import type { Schedule } from "../optim/options/schedule.ts";
import type { TokenSplit } from "./tokens.ts";

/** How to train; the same on all ranks but for what is told and heard. */
export interface LanguageTrainingOptions {
  readonly text: TokenSplit;
  /** Tokens of a window. */
  readonly context: number;
  /** Windows of a micro-batch, over all ranks: at least one for each data-parallel rank. */
  readonly batch: number;
  /** Micro-batches of a step. */
  readonly accumulate: number;
  readonly steps: number;
  /** Ranks that split the model, and ranks that split the batch and the optimizer's state. */
  readonly tensor: number;
  readonly zero: number;
  readonly zeroStage: 1 | 2;
  /** Step size; without it Adafactor's relative step, times each parameter's RMS. */
  readonly lr?: Schedule | undefined;
  /**
   * In training the model drops with the probabilities of its config, as in transformers, or everywhere with this one; never
   * when it is evaluated. Default: 0, nothing is dropped.
   */
  readonly dropout?: "config" | number;
  /** What the model does not keep for backward, and computes again: see `PretrainedModel.recompute`. Default: nothing. */
  readonly recompute?: "nothing" | "blocks";
  /** How 16-bit parameters are stepped, and momentum. */
  readonly optimizer?: Pick<OptimizerOptions, "masterWeights" | "rounding" | "beta1">;
  /** Steps between evaluations; 0 for none but before and after. */
  readonly evaluateEvery: number;
  /** Held-out tokens of an evaluation, at least a window. */
  readonly evaluateTokens: number;
  /** Of windows, of dropout, of random rounding and of the sample. */
  readonly seed: number;
  /** What to write at the end. */
  readonly sample?: {
    readonly prompt: readonly number[];
    readonly length: number;
    readonly temperature: number;
  } | undefined;
  /** Ends training after the present step, on all ranks if it fires on one. */
  readonly signal?: AbortSignal;
  /** Is told what happens. */
  readonly onEvent?: (event: TrainingEvent) => void;
}

/** What happens in a training. */
export type TrainingEvent =
  | {
    readonly kind: "step";
    readonly step: number;
    /** Mean loss of the step's windows in nats per token, before its update. */
    readonly loss: number;
    readonly lr?: number;
    readonly tokensPerSecond: number;
    /** Bytes that this rank sent. */
    readonly bytesSent: number;
  }
  | {
    readonly kind: "evaluation";
    /** Steps taken before it. */
    readonly step: number;
    /** Mean loss on held-out windows in nats per token. */
    readonly loss: number;
    /** e^loss */
    readonly perplexity: number;
  }
  | { readonly kind: "sample"; readonly tokens: readonly number[] };
