// The options and the events of a training.

import type { ExpertSplit } from "../models/splitting/split_plan.ts";
import type { Schedule } from "../optim/options/schedule.ts";
import type { CheckpointEvent, CheckpointOptions } from "./checkpoint_options.ts";
import type { TrainingOptimizerOptions } from "./training_optimizer.ts";

/** The options of a training; equal on all ranks except for `signal` and `onEvent`. */
export interface TrainingOptions {
  /** Examples per micro-batch, over all ranks: at least one for each data-parallel rank. */
  readonly batch: number;
  /** Micro-batches per step. */
  readonly accumulate: number;
  readonly steps: number;
  /** Number of ranks that split the model, and of ranks that split the batch and the optimizer's state. */
  readonly tensor: number;
  readonly zero: number;
  readonly zeroStage: 1 | 2;
  /** What each of the `tensor` ranks has of a mixture of experts. Default: hidden features of all experts. */
  readonly experts?: ExpertSplit | undefined;
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
  /** Seed of the order of examples, dropout and stochastic rounding. */
  readonly seed: number;
  /** Where to save checkpoints, and whether to go on from one. Default: none are saved. */
  readonly checkpoints?: CheckpointOptions | undefined;
  /** Paths of parameters that are not trained. Default: none. */
  readonly frozen?: readonly string[];
  /**
   * Is asked after every step: true ends training after it on all ranks, as if it were the last one, with an evaluation and a
   * checkpoint.
   */
  readonly endEarly?: (() => boolean) | undefined;
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
    /** Mean loss of the step's targets in nats, before its update. */
    readonly loss: number;
    readonly lr?: number;
    /** Norm of all gradients together, before clipping; undefined for a step that was skipped. */
    readonly gradientNorm?: number;
    /** Without padding; undefined if examples have no tokens. */
    readonly tokensPerSecond?: number;
    /** In that case. */
    readonly examplesPerSecond?: number;
    /** Number of bytes that this rank sent. */
    readonly bytesSent: number;
  }
  | {
    readonly kind: "evaluation";
    /** Number of steps before it. */
    readonly step: number;
    /** Mean loss of the held-out targets in nats. */
    readonly loss: number;
    /** The metrics of the task by name, such as perplexity. */
    readonly metrics: Readonly<Record<string, number>>;
  }
  | CheckpointEvent;
