// Trains a language model on one rank of a tensor-parallel x data-parallel mesh: the whole loop, with what happens told as it
// happens. Every rank runs it with the same options, and the same is told on all of them.

import { setImmediate } from "node:timers/promises";
import type { ProcessGroup } from "../distributed/group.ts";
import { ProcessGroupMesh } from "../distributed/mesh.ts";
import type { World } from "../distributed/world.ts";
import type { Decoder } from "../models/decoder.ts";
import { RandomSource } from "../nn/philox.ts";
import { DistributedAdaFactor } from "../optim/distributed_adafactor.ts";
import type { OptimizerOptions } from "../optim/options/parameter_groups.ts";
import type { Schedule } from "../optim/options/schedule.ts";
import { placeModel } from "./placed_model.ts";
import { requireSameTraining } from "./same_training.ts";
import { sampleTokens } from "./sampling.ts";
import { drawStarts, evenStarts } from "./token_batch.ts";
import type { TokenSplit } from "./tokens.ts";
import { evaluateWindows, stepOnWindows, type WindowTrainer } from "./window_step.ts";

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

/** How a training ended. */
export interface LanguageTrainingResult {
  /** Steps taken. */
  readonly steps: number;
  /** True if a signal ended it before its last step. */
  readonly stopped: boolean;
}

/**
 * Trains `model`, which is the caller's; evaluates before, on the way and after, and writes a sample. Stopped by a signal it
 * does neither.
 *
 * @throws {Error} on every rank if ranks have other text, options or weights.
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
  const placed = await placeModel(model, mesh);
  model.recompute = options.recompute ?? "nothing";
  using optim = new DistributedAdaFactor(model.parameters(), {
    ...options.optimizer,
    ...(lr === undefined ? {} : { lr, scaleParameter: false }),
    seed,
  });
  const { zeroStage } = options;
  optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, zeroStage });
  const trainer: WindowTrainer = { device, model: placed, optim, dataParallelGroup };
  const evaluate = heldOutEvaluation(trainer, options);

  if (steps > 0) onEvent(await evaluate(0));
  for (let step = 1; step <= steps; step++) {
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
    const { loss, isStopped } = await shareStep(world, { loss: own, signal: options.signal });
    onEvent({
      kind: "step",
      step,
      loss,
      ...(lr === undefined ? {} : { lr: lr(step) }),
      tokensPerSecond: accumulate * batch * context / (performance.now() - begin) * 1000,
      bytesSent: bytesSent(groups) - sentBefore,
    });
    if (isStopped) return { steps: step, stopped: true };
    const { evaluateEvery } = options;
    if (evaluateEvery > 0 && step % evaluateEvery === 0 && step < steps) {
      onEvent(await evaluate(step));
    }
  }
  onEvent(await evaluate(steps));
  if (options.sample !== undefined) {
    const random = new RandomSource(seed).stream();
    const tokens = await sampleTokens(placed, { device, context, random, ...options.sample });
    onEvent({ kind: "sample", tokens });
  }
  return { steps, stopped: false };
}

/** Where the held-out windows of an evaluation begin: the same ones every time. */
export function heldOutStarts(
  { text, context, evaluateTokens }: Pick<
    LanguageTrainingOptions,
    "text" | "context" | "evaluateTokens"
  >,
): number[] {
  const most = Math.max(1, Math.floor(evaluateTokens / context));
  return evenStarts({ text: text.heldOut, context }, { most });
}

function heldOutEvaluation(
  trainer: WindowTrainer,
  options: LanguageTrainingOptions,
): (step: number) => Promise<TrainingEvent> {
  const { text, context, batch, zero } = options;
  const starts = heldOutStarts(options);
  const batchSize = Math.ceil(batch / zero);
  return async (step) => {
    const windows = { text: text.heldOut, context, starts, batchSize };
    const loss = await evaluateWindows(trainer, windows);
    return { kind: "evaluation", step, loss, perplexity: Math.exp(loss) };
  };
}

/** The mean of all ranks' losses, and whether any of them is asked to stop. */
async function shareStep(
  { group }: World,
  { loss, signal }: { readonly loss: number; readonly signal: AbortSignal | undefined },
): Promise<{ readonly loss: number; readonly isStopped: boolean }> {
  // On one rank of wasm nothing else waits for the event loop, which brings signals.
  await setImmediate();
  const sums = Float64Array.of(loss, signal?.aborted ? 1 : 0);
  await group.allReduce(sums);
  return { loss: sums[0] / group.size, isStopped: sums[1] > 0 };
}

function bytesSent(groups: Iterable<ProcessGroup>): number {
  return [...groups].reduce((total, { counters }) => total + counters.bytesSent, 0);
}
