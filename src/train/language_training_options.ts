// The options and the events of a training of a language model.

import type { Schedule } from "../optim/options/schedule.ts";
import type { CheckpointEvent, CheckpointOptions } from "./checkpoint_options.ts";
import type { TokenSplit } from "./tokens.ts";
import type { TrainingOptimizerOptions } from "./training_optimizer.ts";

/** The options of a training; equal on all ranks except for `signal` and `onEvent`. */
export interface LanguageTrainingOptions {
  readonly text: TokenSplit;
  /** Tokens per window. */
  readonly context: number;
  /** Windows per micro-batch, over all ranks: at least one for each data-parallel rank. */
  readonly batch: number;
  /** Micro-batches per step. */
  readonly accumulate: number;
  readonly steps: number;
  /** Number of ranks that split the model, and of ranks that split the batch and the optimizer's state. */
  readonly tensor: number;
  readonly zero: number;
  readonly zeroStage: 1 | 2;
  /** Learning rate; without it, Adafactor's relative step, scaled by each parameter's RMS. */
  readonly lr?: Schedule | undefined;
  /**
   * Dropout in training: with the probabilities of the model's config, as in transformers, or with this one everywhere. Evaluations
   * have none. Default: 0, nothing is dropped.
   */
  readonly dropout?: "config" | number;
  /** Which activations backward computes again instead of keeping them: see `PretrainedModel.recompute`. Default: none. */
  readonly recompute?: "nothing" | "blocks";
  /** The update rule and its options. Default: Adafactor's. */
  readonly optimizer?: TrainingOptimizerOptions;
  /** Steps between evaluations; 0 for evaluations only before and after. */
  readonly evaluateEvery: number;
  /** Number of held-out tokens of an evaluation, at least one window. */
  readonly evaluateTokens: number;
  /** Seed of windows, dropout, stochastic rounding and the sample. */
  readonly seed: number;
  /** Where to save checkpoints, and whether to go on from one. Default: none are saved. */
  readonly checkpoints?: CheckpointOptions | undefined;
  /** A text to sample at the end. */
  readonly sample?: {
    readonly prompt: readonly number[];
    readonly length: number;
    readonly temperature: number;
  } | undefined;
  /** Ends training after the current step, on all ranks if it is aborted on one. */
  readonly signal?: AbortSignal;
  /** Receives the events of the training. */
  readonly onEvent?: (event: TrainingEvent) => void;
}

/** An event of a training. */
export type TrainingEvent =
  | {
    readonly kind: "step";
    readonly step: number;
    /** Mean loss of the step's windows in nats per token, before its update. */
    readonly loss: number;
    readonly lr?: number;
    readonly tokensPerSecond: number;
    /** Number of bytes that this rank sent. */
    readonly bytesSent: number;
  }
  | {
    readonly kind: "evaluation";
    /** Number of steps before it. */
    readonly step: number;
    /** Mean loss on held-out windows in nats per token. */
    readonly loss: number;
    /** e^loss */
    readonly perplexity: number;
  }
  | { readonly kind: "sample"; readonly tokens: readonly number[] }
  | CheckpointEvent;
