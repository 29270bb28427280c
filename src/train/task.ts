// A task is what a model learns: examples by index, how a batch of them is made on a device, the loss of a batch, and the metrics of
// an evaluation. The training loop knows nothing more of it.

import type { Device } from "../device/device.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import type { DropoutMasks } from "../nn/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelSplit } from "./model_split.ts";

/** The kinds of tasks. */
export type TaskName =
  | "causal-lm"
  | "masked-lm"
  | "seq2seq"
  | "classification"
  | "token-classification"
  | "image-classification";

/** An example that a step or an evaluation takes. */
export interface DrawnExample {
  /** From 0 to below the number of examples. */
  readonly index: number;
  /** Number of passes over the examples before this one; 0 in evaluations. */
  readonly epoch: number;
}

/** Examples by index, equal on all ranks. */
export interface Examples<Batch extends Disposable = Disposable> {
  /** Number of examples, at least 1. */
  readonly length: number;
  /** Number of targets of an example, at least 1: the loss of a step is the mean over all of its targets. */
  numTargets(example: DrawnExample): number;
  /** Number of tokens of an example, without padding; undefined if it has none, as images. */
  numTokens?(example: DrawnExample): number;
  /**
   * Makes a batch of examples; the caller disposes of it. Random choices depend on seed, epoch and index alone, and the length to which
   * rows are padded on those of `step`, all examples of a training step, over ranks and micro-batches: masks of dropout depend on it.
   * Default: the batch's.
   */
  batch(
    device: Device,
    examples: readonly DrawnExample[],
    step?: readonly DrawnExample[],
  ): Promise<Batch> | Batch;
  /** SHA-256, as "sha256:...", of everything that determines the examples. */
  digest(): Promise<string>;
}

/** A task of one class of models. */
export interface Task<
  Model extends PretrainedModel<never> = PretrainedModel<never>,
  Batch extends Disposable = Disposable,
> {
  /** The kind of task. */
  readonly name: TaskName;
  /** Facts that make it this task, such as the context: a training that goes on from a checkpoint must have the same ones. */
  readonly facts: Readonly<Record<string, string>>;
  /** Examples to train on. */
  readonly train: Examples<Batch>;
  /** The examples of each evaluation, which are never trained on. */
  readonly heldOut: Examples<Batch>;
  /** Whether the model's logits are of a vocabulary, which stay on the ranks of their classes if the model is split. */
  readonly hasVocabularyLogits: boolean;
  /** Binds the task to a model, after it was split over the mesh. */
  bind(model: Model, split: ModelSplit): BoundTask<Batch>;
}

/** What makes it this task, without what depends on the model and its batches. */
export interface TaskIdentity extends Pick<Task, "name" | "facts"> {
  readonly train: Pick<Examples, "digest">;
  readonly heldOut: Pick<Examples, "digest">;
}

/** A task with its model. All ranks that share the model call its functions together, with the same batch. */
export interface BoundTask<Batch extends Disposable = Disposable> {
  /** The mean loss of the batch's targets, equal on all ranks that share the model; `dropout` determines the masks of training. */
  loss(batch: Batch, dropout?: DropoutMasks): Promise<Tensor>;
  /**
   * Sums over a batch of an evaluation: the sum of its targets' losses, the number of targets, and what the metrics need. No gradient
   * is recorded.
   */
  score(batch: Batch): Promise<Float64Array<ArrayBuffer>>;
  /** The metrics, such as accuracy, of sums that were added over all batches and ranks. */
  metrics(sums: Float64Array): Readonly<Record<string, number>>;
}
