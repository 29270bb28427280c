// Trains a language model on one rank of a tensor-parallel x data-parallel mesh: the whole loop, which reports its progress as events.
// Every rank runs it with the same options, and reports the same events.

import type { ProcessGroup } from "../distributed/group.ts";
import { ProcessGroupMesh } from "../distributed/mesh.ts";
import type { World } from "../distributed/world.ts";
import type { Decoder } from "../models/decoder.ts";
import { RandomSource } from "../nn/philox.ts";
import { describeLostUpdates } from "../optim/options/lost_updates.ts";
import { eventLoopTurns } from "../tensor/event_loop.ts";
import type { LanguageTrainingOptions, TrainingEvent } from "./language_training_options.ts";
import { distributeModel } from "./distributed_model.ts";
import { requireSameTraining } from "./same_training.ts";
import { sampleTokens } from "./sampling.ts";
import { TrainingCheckpoints } from "./training_checkpoints.ts";
import { factsOf } from "./training_facts.ts";
import { drawStarts, evenStarts } from "./token_batch.ts";
import { trainingOptimizer } from "./training_optimizer.ts";
import { evaluateWindows, stepOnWindows, type WindowTrainer } from "./window_step.ts";

/** The result of a training. */
export interface LanguageTrainingResult {
  /** Number of steps taken. */
  readonly steps: number;
  /** True if a signal ended it before its last step. */
  readonly stopped: boolean;
}

/**
 * Trains `model`, which the caller owns; evaluates it before, during and after training, and samples a text at the end. If a signal
 * stops it, it neither evaluates nor samples at the end.
 *
 * @throws {Error} on every rank if ranks have different texts, options or weights.
 */
export async function trainLanguageModel(
  world: World,
  model: Decoder,
  options: LanguageTrainingOptions,
): Promise<LanguageTrainingResult> {
  const { text, context, batch, accumulate, steps, seed, lr, onEvent = () => {} } = options;
  await requireSameTraining(world.group, model, options);
  const mesh = ProcessGroupMesh.over(world, options.tensor, options.zero);
  const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
  const dataParallelGroup = await mesh.getGroupAlongAxis(1);
  const groups = new Set([world.group, tensorParallelGroup, dataParallelGroup]);
  const [{ device }] = model.parameters();
  const facts = options.checkpoints && await factsOf(model, options);
  const distributed = await distributeModel(model, mesh);
  model.recompute = options.recompute ?? "nothing";
  const { zeroStage } = options;
  using optim = trainingOptimizer(model.parameters(), options.optimizer ?? {}, {
    lr,
    seed,
    setup: { tensorParallelGroup, dataParallelGroup, zeroStage },
    onLostUpdates: (lost) => onEvent({ kind: "warning", text: describeLostUpdates(lost) }),
  });
  const trainer: WindowTrainer = { device, model: distributed, optim, dataParallelGroup };
  const evaluate = heldOutEvaluation(trainer, options);

  const checkpoints = facts &&
    new TrainingCheckpoints(options.checkpoints!, {
      group: world.group,
      model,
      optim,
      facts,
      onEvent,
    });
  const first = await checkpoints?.restore() ?? 0;
  if (steps > 0 && first === 0) onEvent(await evaluate(0));
  for (let step = first + 1; step <= steps; step++) {
    const [begin, sentBefore] = [performance.now(), bytesSent(groups)];
    const microBatches = Array.from(
      { length: accumulate },
      (_, micro) =>
        drawStarts({ text: text.train, context }, {
          seed,
          step,
          begin: micro * batch,
          end: (micro + 1) * batch,
        }),
    );
    const { dropout: probability = 0 } = options;
    const own = await stepOnWindows(trainer, {
      text: text.train,
      context,
      microBatches,
      dropout: { seed, step, probability: probability === "config" ? undefined : probability },
    });
    const { signal } = options;
    const { loss, isStopped, isWritten } = await shareStep(world, {
      loss: own,
      signal,
      checkpoints,
    });
    onEvent({
      kind: "step",
      step,
      loss,
      ...(lr === undefined ? {} : { lr: lr(step) }),
      tokensPerSecond: accumulate * batch * context / (performance.now() - begin) * 1000,
      bytesSent: bytesSent(groups) - sentBefore,
    });
    if (isWritten) await checkpoints?.finish();
    if (isStopped) {
      await checkpoints?.begin(step);
      await checkpoints?.finish();
      return { steps: step, stopped: true };
    }
    if (step === steps) break;
    const { evaluateEvery } = options;
    const isEvaluated = evaluateEvery > 0 && step % evaluateEvery === 0;
    const evaluation = isEvaluated || checkpoints?.needsLoss(step)
      ? await evaluate(step)
      : undefined;
    if (evaluation !== undefined) onEvent(evaluation);
    if (checkpoints?.isDue(step)) await checkpoints.begin(step, evaluation?.loss);
  }
  // A training that goes on from its last checkpoint was evaluated before that was saved.
  if (first < steps || steps === 0) {
    const evaluation = await evaluate(steps);
    onEvent(evaluation);
    if (steps > 0) await checkpoints?.begin(steps, evaluation.loss);
    await checkpoints?.finish();
  }
  if (options.sample !== undefined) {
    const random = new RandomSource(seed).stream();
    const tokens = await sampleTokens(distributed, { device, context, random, ...options.sample });
    onEvent({ kind: "sample", tokens });
  }
  return { steps, stopped: false };
}

/** Starts of the held-out windows of an evaluation: the same ones every time. */
export function heldOutStarts(
  { text, context, evaluateTokens }: Pick<
    LanguageTrainingOptions,
    "text" | "context" | "evaluateTokens"
  >,
): number[] {
  const maxCount = Math.max(1, Math.floor(evaluateTokens / context));
  return evenStarts({ text: text.heldOut, context }, { maxCount });
}

function heldOutEvaluation(
  trainer: WindowTrainer,
  options: LanguageTrainingOptions,
): (step: number) => Promise<Extract<TrainingEvent, { readonly kind: "evaluation" }>> {
  const { text, context, batch, zero } = options;
  const starts = heldOutStarts(options);
  const batchSize = Math.ceil(batch / zero);
  return async (step) => {
    const windows = { text: text.heldOut, context, starts, batchSize };
    const loss = await evaluateWindows(trainer, windows);
    return { kind: "evaluation", step, loss, perplexity: Math.exp(loss) };
  };
}

/** The mean loss of all ranks, whether any of them was asked to stop, and whether all have written a checkpoint. */
async function shareStep(
  { group }: World,
  { loss, signal, checkpoints }: {
    readonly loss: number;
    readonly signal: AbortSignal | undefined;
    readonly checkpoints: { readonly isWritten: boolean } | undefined;
  },
): Promise<{ readonly loss: number; readonly isStopped: boolean; readonly isWritten: boolean }> {
  // On one rank with the wasm device nothing else waits for the event loop, which delivers signals.
  await eventLoopTurns(1);
  const sums = Float64Array.of(loss, signal?.aborted ? 1 : 0, checkpoints?.isWritten ? 1 : 0);
  await group.allReduce(sums);
  const [total, numStopped, numWritten] = sums;
  return {
    loss: total / group.size,
    isStopped: numStopped > 0,
    isWritten: numWritten === group.size,
  };
}

function bytesSent(groups: Iterable<ProcessGroup>): number {
  return [...groups].reduce((total, { counters }) => total + counters.bytesSent, 0);
}
