// One step on a batch of A B windows: A micro-batches of B windows, each divided among Z data-parallel ranks.
//
//   loss_r = Z n_r / B mean of this rank's n_r windows' losses      the mean of loss_r over ranks is the micro-batch's mean loss
//   step   = (sum over micro-batches of gradients) / A              averaged over ranks by the optimizer
//
// So the step is that of one batch of A B windows on one rank, up to the rounding of sums. Dropout masks depend on a window's index
// among the A B, so they are the same, too.

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import { shardRange } from "../distributed/layout.ts";
import type { DropoutMasks } from "../nn/dropout.ts";
import { scale } from "../ops/scale.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LanguageModel } from "./distributed_model.ts";
import { makeBatch, startsOf, type Windows } from "./token_batch.ts";
import type { TrainingOptimizer } from "./training_optimizer.ts";

/** A model, its optimizer, and the ranks that share a batch. */
export interface WindowTrainer {
  readonly device: Device;
  readonly model: LanguageModel;
  readonly optim: Pick<TrainingOptimizer, "backward" | "step" | "zeroGrad">;
  readonly dataParallelGroup: ProcessGroup;
}

/** The windows of one step. */
export interface StepWindows extends Windows {
  /** Starts of the windows of all ranks, for each micro-batch: equally many in each, and at least as many as ranks. */
  readonly microBatches: readonly (readonly number[])[];
  /** Determines the masks of dropout. Default: nothing is dropped. */
  readonly dropout?: Omit<DropoutMasks, "firstRow"> | undefined;
}

/**
 * Forward, backward, communication and update.
 *
 * @returns this rank's part of the loss: its mean over the data-parallel group is the batch's loss
 */
export async function stepOnWindows(
  { device, model, optim, dataParallelGroup }: WindowTrainer,
  { microBatches, dropout, ...windows }: StepWindows,
): Promise<number> {
  using scope = new DisposableStack();
  const losses: Tensor[] = [];
  const { size, rank } = dataParallelGroup;
  let windowsBefore = 0;
  for (const starts of microBatches) {
    const own = startsOf(starts, dataParallelGroup);
    using batch = makeBatch(device, { ...windows, starts: own });
    const weight = size * own.length / starts.length;
    const firstRow = windowsBefore + shardRange(starts.length, size, rank).begin;
    windowsBefore += starts.length;
    const masks = dropout && { ...dropout, firstRow };
    const loss = scope.use(scale(await model.loss(batch, masks), weight));
    await optim.backward(loss);
    losses.push(loss);
  }
  await optim.step({ gradientDivisor: microBatches.length });
  optim.zeroGrad();
  // Losses are read last, so that the host does not wait for the device before.
  let total = 0;
  for (const loss of losses) total += await loss.item();
  return total / microBatches.length;
}

/** Mean loss over all windows, in nats per token, equal on all ranks; each computes `batchSize` windows at a time. */
export async function evaluateWindows(
  { device, model, dataParallelGroup }: Omit<WindowTrainer, "optim">,
  { starts, batchSize, ...windows }: Windows & {
    readonly starts: readonly number[];
    readonly batchSize: number;
  },
): Promise<number> {
  const own = startsOf(starts, dataParallelGroup);
  let total = 0;
  for (let begin = 0; begin < own.length; begin += batchSize) {
    const some = own.slice(begin, begin + batchSize);
    using batch = makeBatch(device, { ...windows, starts: some });
    using loss = await model.loss(batch);
    total += some.length * await loss.item();
  }
  const sum = Float64Array.of(total);
  await dataParallelGroup.allReduce(sum);
  return sum[0] / starts.length;
}
