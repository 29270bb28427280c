// One step on a batch of A B windows: A micro-batches of B windows, each shared by Z data-parallel ranks.
//
//   loss_r = Z n_r / B mean of this rank's n_r windows' losses      the mean of loss_r over ranks is the micro-batch's mean loss
//   step   = (sum over micro-batches of gradients) / A              averaged over ranks by the optimizer
//
// So the step is that of one batch of A B windows on one rank, up to the rounding of sums. Dropout draws masks by a window's
// place among the A B, and drops the same.

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import { shardRange } from "../distributed/layout.ts";
import type { DropoutMasks } from "../nn/dropout.ts";
import { scale } from "../ops/scale.ts";
import type { DistributedAdaFactor } from "../optim/distributed_adafactor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { PlacedModel } from "./placed_model.ts";
import { makeBatch, startsOf, type Windows } from "./token_batch.ts";

/** A model, its optimizer, and the ranks that share a batch. */
export interface WindowTrainer {
  readonly device: Device;
  readonly model: PlacedModel;
  readonly optim: DistributedAdaFactor;
  readonly dataParallelGroup: ProcessGroup;
}

/** Windows of one step. */
export interface StepWindows extends Windows {
  /** Where windows begin, all ranks' together, micro-batch by micro-batch: each as long, and no shorter than there are ranks. */
  readonly microBatches: readonly (readonly number[])[];
  /** What is dropped. Default: nothing is. */
  readonly dropout?: Omit<DropoutMasks, "firstRow"> | undefined;
}

/** Forward, backward, exchange and update. @returns this rank's part of the loss: its mean over the data-parallel group is the batch's */
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
  // Read at last: the device has had no reason to wait until here.
  let total = 0;
  for (const loss of losses) total += await loss.item();
  return total / microBatches.length;
}

/** Mean loss over all windows, in nats per token, the same on all ranks; `batchSize` windows at a time on each. */
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
