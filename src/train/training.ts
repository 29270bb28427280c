// Trains a model on a task, on one rank of a tensor-parallel x data-parallel mesh: the whole loop, which reports its progress as events.
// Every rank runs it with the same options, and reports the same events.

import type { ProcessGroup } from "../distributed/group.ts";
import { ProcessGroupMesh } from "../distributed/mesh.ts";
import type { World } from "../distributed/world.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";
import { describeLostUpdates } from "../optim/options/lost_updates.ts";
import { eventLoopTurns } from "../tensor/event_loop.ts";
import { microBatchesFrom } from "./example_order.ts";
import { type ModelSplit, splitModel } from "./model_split.ts";
import { refusing } from "./refused_training.ts";
import { requireSameTraining } from "./same_training.ts";
import type { DrawnExample, Examples, Task } from "./task.ts";
import { TrainingCheckpoints } from "./training_checkpoints.ts";
import { factsOf } from "./training_facts.ts";
import { trainingOptimizer } from "./training_optimizer.ts";
import type { TrainingEvent, TrainingOptions } from "./training_options.ts";
import { evaluateExamples, type Trainer, trainOnExamples } from "./training_step.ts";

/** The result of a training. */
export interface TrainingResult {
  /** Number of steps taken. */
  readonly steps: number;
  /** True if a signal ended it before its last step. */
  readonly stopped: boolean;
  /** True if `endEarly` ended it before its last step. */
  readonly endedEarly: boolean;
  /** How the model was split over ranks. */
  readonly split: ModelSplit;
}

/**
 * Trains `model`, which the caller owns, on a task; evaluates it before, during and after training. If a signal stops it, it does not
 * evaluate at the end.
 *
 * @throws {RefusedTrainingError} on every rank if ranks have different examples, options or weights, the model cannot be split over
 *   the mesh, or its parameters cannot be stepped as the options say
 * @throws {OtherTrainingError} on every rank if a checkpoint to go on from is of another training
 */
export async function train<Model extends PretrainedModel<never>, Batch extends Disposable>(
  world: World,
  { model, task, ...options }: TrainingOptions & {
    readonly model: Model;
    readonly task: Task<Model, Batch>;
  },
): Promise<TrainingResult> {
  const { batch, accumulate, steps, seed, lr, onEvent = () => {} } = options;
  await requireSameTraining(world.group, { model, task, ...options });
  const mesh = ProcessGroupMesh.over(world, options.tensor, options.zero);
  const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
  const dataParallelGroup = await mesh.getGroupAlongAxis(1);
  const groups = new Set([world.group, tensorParallelGroup, dataParallelGroup]);
  const [{ device }] = model.parameters();
  const facts = options.checkpoints && await factsOf({ model, task, ...options });
  const split = await refusing(() =>
    splitModel(model, mesh, {
      hasVocabularyLogits: task.hasVocabularyLogits,
      experts: options.experts,
    })
  );
  freeze(model, options.frozen ?? []);
  const trained = model.parameters().filter(({ requiresGrad }) => requiresGrad);
  model.recompute = options.recompute ?? "nothing";
  const { zeroStage } = options;
  const setup = {
    tensorParallelGroup,
    dataParallelGroup,
    zeroStage,
    // Whole weights were compared; those and the state of a checkpoint are not yet.
    compareWeights: options.checkpoints?.resume ?? false,
  };
  using optim = await refusing(() =>
    trainingOptimizer(trained, options.optimizer ?? {}, {
      lr,
      seed,
      setup,
      onLostUpdates: (lost) => onEvent({ kind: "warning", text: describeLostUpdates(lost) }),
    })
  );
  optim.allocateState();
  const bound = await refusing(() => task.bind(model, split));
  const trainer = { device, task: bound, optim, dataParallelGroup };
  const evaluate = heldOutEvaluation(trainer, task.heldOut, options);
  const order = { length: task.train.length, seed, accumulate, batch };

  const checkpoints = facts &&
    new TrainingCheckpoints(options.checkpoints!, {
      group: world.group,
      model,
      optim,
      facts,
      onEvent,
    });
  const restored = await checkpoints?.restore() ?? { step: 0, numExamples: 0 };
  const first = restored.step;
  // Before anything is measured, that steps of any process send as many bytes.
  await refusing(() => optim.agree());
  const progressAfter = (step: number) => ({
    step,
    numExamples: restored.numExamples + (step - first) * accumulate * batch,
  });
  let last = steps;
  if (steps > 0 && first === 0) onEvent(await evaluate(0));
  for (let step = first + 1; step <= last; step++) {
    const [begin, sentBefore] = [performance.now(), bytesSent(groups)];
    const microBatches = microBatchesFrom(order, progressAfter(step - 1).numExamples);
    const { dropout: probability = 0 } = options;
    const own = await trainOnExamples(trainer, {
      examples: task.train,
      microBatches,
      dropout: { seed, step, probability: probability === "config" ? undefined : probability },
    });
    const gradientNorm = await optim.gradientNorm();
    const { signal, endEarly } = options;
    const { loss, isStopped, isOver, isWritten } = await shareStep(world, {
      loss: own,
      signal,
      endEarly,
      checkpoints,
    });
    onEvent({
      kind: "step",
      step,
      loss,
      ...(lr === undefined ? {} : { lr: lr(step) }),
      ...(gradientNorm === undefined ? {} : { gradientNorm }),
      ...speedOf(task.train, microBatches.flat(), { seconds: (performance.now() - begin) / 1000 }),
      bytesSent: bytesSent(groups) - sentBefore,
    });
    if (isWritten) await checkpoints?.finish();
    if (isStopped) {
      await checkpoints?.begin(progressAfter(step));
      await checkpoints?.finish();
      return { steps: step, stopped: true, endedEarly: false, split };
    }
    if (isOver) last = step;
    if (step === last) break;
    const { evaluateEvery } = options;
    const isEvaluated = evaluateEvery > 0 && step % evaluateEvery === 0;
    const evaluation = isEvaluated || checkpoints?.needsLoss(step)
      ? await evaluate(step)
      : undefined;
    if (evaluation !== undefined) onEvent(evaluation);
    if (checkpoints?.isDue(step)) await checkpoints.begin(progressAfter(step), evaluation?.loss);
  }
  // A training that goes on from its last checkpoint was evaluated before that was saved.
  if (first < last || last === 0) {
    const evaluation = await evaluate(last);
    onEvent(evaluation);
    if (last > 0) await checkpoints?.begin(progressAfter(last), evaluation.loss);
    await checkpoints?.finish();
  }
  return { steps: last, stopped: false, endedEarly: last < steps, split };
}

/** Parameters at these paths get no gradient, and are not stepped. */
function freeze(model: PretrainedModel<never>, paths: readonly string[]): void {
  const parameters = model.namedParameters();
  for (const path of paths) parameters.get(path)!.requiresGrad = false;
}

function heldOutEvaluation<Batch extends Disposable>(
  trainer: Trainer<Batch>,
  examples: Examples<Batch>,
  { batch, zero }: TrainingOptions,
): (step: number) => Promise<Extract<TrainingEvent, { readonly kind: "evaluation" }>> {
  const batchSize = Math.ceil(batch / zero);
  return async (step) => ({
    kind: "evaluation",
    step,
    ...await evaluateExamples(trainer, { examples, batchSize }),
  });
}

function speedOf(
  { numTokens }: Examples,
  drawn: readonly DrawnExample[],
  { seconds }: { readonly seconds: number },
): { readonly tokensPerSecond: number } | { readonly examplesPerSecond: number } {
  if (numTokens === undefined) return { examplesPerSecond: drawn.length / seconds };
  const total = drawn.reduce((sum, example) => sum + numTokens(example), 0);
  return { tokensPerSecond: total / seconds };
}

/** The mean loss of all ranks, whether any of them was asked to stop or ends early, and whether all have written a checkpoint. */
async function shareStep(
  { group }: World,
  { loss, signal, endEarly, checkpoints }: Pick<TrainingOptions, "endEarly"> & {
    readonly loss: number;
    readonly signal: AbortSignal | undefined;
    readonly checkpoints: { readonly isWritten: boolean } | undefined;
  },
): Promise<SharedStep> {
  // On one rank with the wasm device nothing else waits for the event loop, which delivers signals.
  await eventLoopTurns(1);
  const flags = [signal?.aborted, endEarly?.(), checkpoints?.isWritten];
  const sums = Float64Array.of(loss, ...flags.map((flag) => flag ? 1 : 0));
  await group.allReduce(sums, { label: "loss, and ranks that stop" });
  const [total, numStopped, numOver, numWritten] = sums;
  return {
    loss: total / group.size,
    isStopped: numStopped > 0,
    isOver: numOver > 0,
    isWritten: numWritten === group.size,
  };
}

/** What all ranks agree on after a step. */
interface SharedStep {
  readonly loss: number;
  readonly isStopped: boolean;
  readonly isOver: boolean;
  readonly isWritten: boolean;
}

function bytesSent(groups: Iterable<ProcessGroup>): number {
  return [...groups].reduce((total, { counters }) => total + counters.bytesSent, 0);
}
