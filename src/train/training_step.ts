// One step on A micro-batches of B examples, each divided among Z data-parallel ranks:
//
//   loss_r = Z A n_r / N mean of the losses of this rank's n_r targets      N: the step's targets, over all ranks and micro-batches
//   step   = (sum over micro-batches of gradients) / A                      averaged over ranks by the optimizer
//
// So the step is that of the mean over N targets on one rank, up to the rounding of sums. Dropout masks depend on an example's position
// among the A B, so they are the same, too.

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import { shardRange } from "../distributed/layout.ts";
import type { DropoutMasks } from "../nn/dropout.ts";
import { scale } from "../ops/scale.ts";
import { noGrad } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { partOf } from "./data/rank_part.ts";
import type { BoundTask, DrawnExample, Examples } from "./task.ts";
import type { TrainingOptimizer } from "./training_optimizer.ts";

/** A task with its model, an optimizer, and the ranks that share a batch. */
export interface Trainer<Batch extends Disposable> {
  readonly device: Device;
  readonly task: BoundTask<Batch>;
  readonly optim: Pick<
    TrainingOptimizer,
    "backward" | "step" | "zeroGrad" | "canStepInBackward" | "backwardAndStep"
  >;
  readonly dataParallelGroup: ProcessGroup;
}

/** The examples of one step. */
export interface StepExamples<Batch extends Disposable> {
  readonly examples: Examples<Batch>;
  /** Those of all ranks, for each micro-batch: equally many in each, and at least as many as ranks. */
  readonly microBatches: readonly (readonly DrawnExample[])[];
  /** Determines the masks of dropout. Default: nothing is dropped. */
  readonly dropout?: Omit<DropoutMasks, "firstRow"> | undefined;
}

/**
 * Forward, backward, communication and update.
 *
 * @returns this rank's part of the loss: its mean over the data-parallel group is the step's loss
 */
export async function trainOnExamples<Batch extends Disposable>(
  { device, task, optim, dataParallelGroup }: Trainer<Batch>,
  { examples, microBatches, dropout }: StepExamples<Batch>,
): Promise<number> {
  using scope = new DisposableStack();
  const losses: Tensor[] = [];
  const { size, rank } = dataParallelGroup;
  const step = microBatches.flat();
  const numTargets = countTargets(examples, step);
  const inBackward = microBatches.length === 1 && optim.canStepInBackward;
  let rowsBefore = 0;
  for (const drawn of microBatches) {
    const own = partOf(drawn, dataParallelGroup);
    using batch = await examples.batch(device, own, step);
    const share = countTargets(examples, own) / numTargets;
    const firstRow = rowsBefore + shardRange(drawn.length, size, rank).begin;
    rowsBefore += drawn.length;
    const masks = dropout && { ...dropout, firstRow };
    const mean = await task.loss(batch, masks);
    const loss = scope.use(scale(mean, size * microBatches.length * share));
    await (inBackward ? optim.backwardAndStep(loss) : optim.backward(loss));
    losses.push(loss);
  }
  if (!inBackward) {
    await optim.step({ gradientDivisor: microBatches.length });
    optim.zeroGrad();
  }
  // Losses are read last, so that the host does not wait for the device before.
  let total = 0;
  for (const loss of losses) total += await loss.item();
  return total / microBatches.length;
}

/** The loss and the metrics of all examples, equal on all ranks; each rank computes `batchSize` examples at a time. */
export async function evaluateExamples<Batch extends Disposable>(
  { device, task, dataParallelGroup }: Omit<Trainer<Batch>, "optim">,
  { examples, batchSize }: { readonly examples: Examples<Batch>; readonly batchSize: number },
): Promise<{ readonly loss: number; readonly metrics: Readonly<Record<string, number>> }> {
  const all = Array.from({ length: examples.length }, (_, index) => ({ index, epoch: 0 }));
  const own = partOf(all, dataParallelGroup);
  let sums: Float64Array<ArrayBuffer> | undefined;
  // A rank without examples takes part in the exchange, with zeros of the same length as the others'.
  for (let begin = 0; begin < Math.max(1, own.length); begin += batchSize) {
    const some = own.slice(begin, begin + batchSize);
    using batch = await examples.batch(device, some.length > 0 ? some : all.slice(0, 1));
    const scores = await noGrad(() => task.score(batch));
    sums ??= new Float64Array(scores.length);
    if (some.length > 0) scores.forEach((score, k) => sums![k] += score);
  }
  await dataParallelGroup.allReduce(sums!, { label: "scores of an evaluation" });
  const [totalLoss, numTargets] = sums!;
  return { loss: totalLoss / numTargets, metrics: task.metrics(sums!) };
}

function countTargets(examples: Examples, drawn: readonly DrawnExample[]): number {
  return drawn.reduce((total, example) => total + examples.numTargets(example), 0);
}
