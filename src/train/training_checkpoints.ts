// The checkpoints of a training loop: when one is due, a copy of the state is written while the next steps run, and published after
// the step in which the last rank has finished writing. A checkpoint that cannot be written is reported, and training goes on.

import { loadCheckpoint } from "../checkpoint/load_checkpoint.ts";
import {
  beginCheckpoint,
  CheckpointWriteError,
  type PendingCheckpoint,
} from "../checkpoint/training_checkpoint.ts";
import type { OptimizerWithState } from "../checkpoint/training_state.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import type { Module } from "../nn/module.ts";
import type { CheckpointEvent, CheckpointOptions } from "./checkpoint_options.ts";
import { RefusedTrainingError } from "./refused_training.ts";
import { differences, type TrainingFacts } from "./training_facts.ts";

/** The checkpoint is of another training. */
export class OtherTrainingError extends RefusedTrainingError {
  /** "OtherTrainingError" */
  override readonly name = "OtherTrainingError";
}

/** What is saved and restored. */
interface Training<State extends object> {
  readonly group: ProcessGroup;
  readonly model: Module<never>;
  readonly optim: OptimizerWithState<State>;
  readonly facts: TrainingFacts;
  readonly onEvent: (event: CheckpointEvent) => void;
}

/** How far a training is. */
export interface TrainingProgress {
  /** Number of steps taken. */
  readonly step: number;
  /** Number of examples taken in them, over all passes. */
  readonly numExamples: number;
}

const BEGINNING: TrainingProgress = { step: 0, numExamples: 0 };

/** The checkpoints of one training; all ranks call every method together. */
export class TrainingCheckpoints<State extends object> {
  readonly #options: CheckpointOptions;
  readonly #training: Training<State>;
  #pending: PendingCheckpoint | undefined;

  /** For `restore` next. */
  constructor(options: CheckpointOptions, training: Training<State>) {
    this.#options = options;
    this.#training = training;
  }

  /**
   * Goes on from the latest whole checkpoint, if that is wanted and there is one.
   *
   * @returns the number of steps and of examples taken
   * @throws {OtherTrainingError} on all ranks, naming what differs, if the checkpoint is of another training
   */
  async restore(): Promise<TrainingProgress> {
    const { folder, resume } = this.#options;
    if (!resume) return BEGINNING;
    const { group, model, optim, facts, onEvent } = this.#training;
    const warn = (text: string) => onEvent({ kind: "warning", text });
    const loading = loadCheckpoint(folder, {
      model,
      optim,
      group,
      onWarning: warn,
      check: ({ path, extra }) => {
        const { refused, reported } = differences(extra.facts as TrainingFacts, facts);
        if (refused.length > 0) {
          throw new OtherTrainingError(
            `Cannot go on from ${path}, which is of a training with another ${
              refused.join(" and another ")
            }: give what it was begun with, or another folder for checkpoints`,
          );
        }
        for (const what of reported) warn(`This training was begun with another ${what}`);
      },
    });
    const loaded = await loading.catch((error) => {
      // The state does not fit: that of another optimizer, say.
      if (!(error instanceof TypeError)) throw error;
      throw new OtherTrainingError(
        `Cannot go on from a checkpoint in ${folder}: ${error.message}`,
        { cause: error },
      );
    });
    if (loaded === undefined) return BEGINNING;
    const { step, path, extra } = loaded;
    onEvent({ kind: "resumed", step, folder: path });
    return { step, numExamples: Number(extra.numExamples) };
  }

  /** Whether a checkpoint is to be saved after this step, before the last one. */
  isDue(step: number): boolean {
    return step % this.#options.every === 0;
  }

  /** Whether to evaluate after this step for the checkpoint's sake. */
  needsLoss(step: number): boolean {
    return this.#options.keepBest && this.isDue(step);
  }

  /** Whether this rank has written its share of a checkpoint that is not published yet. */
  get isWritten(): boolean {
    return this.#pending?.isWritten ?? false;
  }

  /** Begins to save; `loss` is the held-out loss, where it is known. */
  async begin({ step, numExamples }: TrainingProgress, loss?: number): Promise<void> {
    await this.finish();
    const { folder, keep, keepBest, about } = this.#options;
    const { group, model, optim, facts } = this.#training;
    this.#pending = await beginCheckpoint(folder, {
      model,
      optim,
      step,
      group,
      keep,
      loss: keepBest ? loss : undefined,
      extra: { facts, numExamples, ...(about === undefined ? {} : { about }) },
    });
  }

  /** Publishes the checkpoint that was begun, when all ranks have written it. */
  async finish(): Promise<void> {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    const { onEvent } = this.#training;
    try {
      onEvent({ kind: "checkpoint", step: pending.step, folder: await pending.publish() });
    } catch (error) {
      if (!(error instanceof CheckpointWriteError)) throw error;
      onEvent({ kind: "warning", text: error.message });
    }
  }
}
