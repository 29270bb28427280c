// CAME (Luo et al. 2023): how much momentum counts where updates do not bear it out. With u the update of Adafactor, clipped,
//
//   m <- beta1 m + (1 - beta1) u
//   R' <- beta3 R' + (1 - beta3) mean_j ((u - m)^2 + eps)         C' likewise over rows
//   p <- p - lr wd p - lr m rsqrt(R' / mean R') rsqrt(C')
//
// It is Adafactor's step once more, with momenta for gradients and squared differences for squares: the same kernels on the
// same blocks, with records of their own. Its row and column sums cost a third exchange.

import type { Device } from "../../device/device.ts";
import {
  advanceAverages,
  applyUpdates,
  joinSums,
  type PassOperands,
  sizeSteps,
  sumDifferences,
} from "./passes.ts";
import type { Block, Plan } from "../plan/plan.ts";
import { BlockMemory } from "../plan/block_memory.ts";
import { allBlocks } from "../plan/block_runs.ts";
import { exchangeSums } from "../sums/packed_sums.ts";
import { numbersOf } from "../plan/step_numbers.ts";

/** The second half of a step of CAME's blocks, after the steps' sizes are known; `memory` is for them alone. */
export async function stepByConfidence(
  operands: PassOperands,
  memory: BlockMemory,
): Promise<void> {
  const { device, plan } = operands;
  const { confidentBlocks, confidences, sums } = plan;
  const first = plan.blocks.length - confidentBlocks.length;
  const second: PassOperands = {
    ...operands,
    memory,
    plan: { ...plan, blocks: confidentBlocks },
    grads: operands.momenta.slice(first).map((momentum) => momentum!),
    params: operands.params.slice(first),
    momenta: confidentBlocks.map(() => undefined),
    moments: confidentBlocks[0].state.confidence!.buffer,
  };
  memory.place(second.plan, second);
  memory.writeNumbers(confidentBlocks.map(confidentNumbers));
  sumDifferences(operands);
  joinSums(second);
  await exchangeSums({ device, buffer: sums }, confidences);
  advanceAverages(second, plan.one);
  sizeSteps(second, allBlocks(second.plan));
  applyUpdates(second);
}

/** Memory for the records of CAME's blocks; undefined where there are none. */
export function confidenceMemory(
  device: Device,
  { confidentBlocks }: Plan,
): BlockMemory | undefined {
  return confidentBlocks.length === 0 ? undefined : new BlockMemory(device, confidentBlocks.length);
}

function confidentNumbers(block: Block) {
  return { ...numbersOf(block), take: block.hyper.confidence!.take };
}
