// One step of training on this rank's part of a batch of B examples over Z data-parallel ranks:
//
//   loss_r = Z / B sum of this rank's examples' losses         so that the mean of loss_r over ranks is the batch's mean
//                                                              loss, for parts of uneven sizes too
// The optimizer averages gradients over the data-parallel group, and with them these losses' gradients.

import type { ProcessGroup } from "../dist/group.ts";
import type { Module } from "../nn/module.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { scale } from "../ops/scale.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ByteBatch } from "./byte_batch.ts";

/** What a step needs of an optimizer. */
export interface Optimizer {
  backward(loss: Tensor): Promise<void>;
  step(): Promise<void>;
  zeroGrad(): void;
}

/** A model, its optimizer, and the ranks that share a batch. */
export interface Trainer {
  readonly model: Module<Tensor<"u32">>;
  readonly optim: Optimizer;
  readonly dataParallelGroup: ProcessGroup;
}

/** Forward, backward, exchange and update. @returns loss_r, whose mean over the data-parallel group is the batch's loss. */
export async function trainStep(
  { model, optim, dataParallelGroup }: Trainer,
  batch: ByteBatch,
): Promise<number> {
  using loss = await batchLoss(model, batch, dataParallelGroup.size);
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
  return await loss.item();
}

/** loss_r without training. */
export async function evaluate(
  { model, dataParallelGroup }: Pick<Trainer, "model" | "dataParallelGroup">,
  batch: ByteBatch,
): Promise<number> {
  using loss = await batchLoss(model, batch, dataParallelGroup.size);
  return await loss.item();
}

async function batchLoss(
  model: Module<Tensor<"u32">>,
  { contexts, targets, globalSize }: ByteBatch,
  numReplicas: number,
): Promise<Tensor> {
  const logits = await model.forward(contexts);
  return scale(crossEntropy(logits, targets), targets.length * numReplicas / globalSize);
}
