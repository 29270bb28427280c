// CAME (Luo et al. 2023): momentum counts for less where updates differ from it. With u the update of Adafactor, clipped,
//
//   m <- beta1 m + (1 - beta1) u
//   R' <- beta3 R' + (1 - beta3) mean_j ((u - m)^2 + eps)         C' likewise over rows
//   p <- p - lr wd p - lr m rsqrt(R' / mean R') rsqrt(C')
//
// It is Adafactor's step once more, with momenta for gradients and squared differences for squares: the same kernels on the
// same blocks, with records of their own. Its row and column sums cost a third exchange. Here is what it adds to Adafactor's
// rule: a field of state, sums, and the second half of a step.

import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { MAX_F32 } from "../options/bounds.ts";
import type { Hyperparameters } from "../options/hyperparameters.ts";
import { BlockMemory } from "../plan/block_memory.ts";
import { allBlocks } from "../plan/block_runs.ts";
import type { RuleRecord, UnplacedBlock } from "../plan/plan_blocks.ts";
import type { PlannedBlock, StepPlan } from "../plan/step_plan.ts";
import type { StateView, SumsField } from "../state/state_fields.ts";
import type { SumsPlan } from "../sums/packed_sums.ts";
import { numbersOf, StepNumbers } from "./adafactor_numbers.ts";
import {
  type AdafactorOperands,
  advanceAverages,
  applyUpdates,
  joinSums,
  sizeSteps,
  sumDifferences,
} from "./adafactor_passes.ts";

/** CAME's running averages of squared differences. */
export const confidenceField: SumsField = {
  name: "confidence",
  shape: "sums",
  saved: ["confidenceRowMeans", "confidenceColMeans", "confidenceMeans"],
};

/** Whether a parameter is stepped by CAME: it must be factored. */
export function hasConfidence(
  { factored }: Pick<StateView, "factored">,
  { confidence }: Pick<Hyperparameters, "confidence">,
): boolean {
  return factored && confidence !== undefined;
}

/** Reserves room for the sums of squared differences; the result changes the block's record to that of the second half. */
export function reserveConfidenceSums(
  { view, geometry, hyper, state, local }: UnplacedBlock<Hyperparameters>,
  exchange: SumsPlan<ProcessGroup>,
): () => RuleRecord {
  const { batch, rows, cols, rowSumGroups, colSumGroups } = view;
  const rowSums = exchange.add(batch * rows, rowSumGroups);
  const colSums = exchange.add(batch * cols, colSumGroups);
  const totals = exchange.add(batch * geometry.rowSlots, [...rowSumGroups, ...colSumGroups]);
  return () => ({
    moments: state.values.confidence.offset + local * (rows + cols + 1),
    rowSums: rowSums.offset,
    colSums: colSums.offset,
    totals: totals.offset,
    eps1: hyper.confidence!.eps,
    meanFloor: 0,
    // The step is not clipped again.
    clipThreshold: MAX_F32,
  });
}

/** The second half of CAME's steps by one plan. */
export class CameHalf implements Disposable {
  readonly #plan: StepPlan<Hyperparameters>;
  readonly #memory: BlockMemory;
  readonly #numbers: StepNumbers;

  /** For the blocks of `plan` that have a record for a second half: the last ones. */
  constructor(device: Device, plan: StepPlan<Hyperparameters>) {
    const blocks = plan.blocks.flatMap((block): PlannedBlock<Hyperparameters>[] =>
      block.second === undefined ? [] : [{ ...block, kind: "plain", record: block.second }]
    );
    const moments = blocks[0].state.values.confidence.buffer;
    this.#plan = { ...plan, blocks };
    this.#memory = new BlockMemory(device, { numBlocks: blocks.length, moments });
    this.#numbers = new StepNumbers(device, blocks.length);
  }

  /** Takes it, after the first half's; `exchange` adds up its sums over ranks. */
  async step(operands: AdafactorOperands, exchange: () => Promise<void>): Promise<void> {
    const { grads, params, state } = operands;
    const { blocks } = this.#plan;
    const first = grads.length - blocks.length;
    const second: AdafactorOperands = {
      ...operands,
      plan: this.#plan,
      memory: this.#memory,
      numbers: this.#numbers,
      grads: state.momentum.slice(first).map((momentum) => momentum!),
      params: params.slice(first),
      state: {},
      moments: blocks[0].state.values.confidence.buffer,
    };
    this.#memory.place(this.#plan, second);
    this.#numbers.write(
      blocks.map((block) => ({ ...numbersOf(block), take: block.hyper.confidence!.take })),
    );
    sumDifferences(operands);
    joinSums(second);
    await exchange();
    advanceAverages(second, this.#plan.one);
    sizeSteps(second, allBlocks(this.#plan));
    applyUpdates(second);
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
    this.#numbers[Symbol.dispose]();
  }
}
