// AdamW (Loshchilov & Hutter 2019, algorithm 2), one step t for a parameter p with gradient g, element by element:
//
//   m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
//   p <- p - lr weightDecay p - lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
//
// Two passes over memory: sums of g^2, for the norm of all gradients and to find those that are not finite, and the step
// itself. Ranks exchange one number per parameter (up to 64 where columns or a batch are cut: device/block_table.ts).

import {
  ADAMW_WORDS,
  adamwFields,
  type AdamwRecord,
  encodeRecords,
} from "../../device/block_table.ts";
import type { Device, DeviceBuffer } from "../../device/device.ts";
import { factoredView } from "../factoring/factored_view.ts";
import type { AdamWHyperparameters } from "../options/adamw_options.ts";
import { isRoundable } from "../options/rounding_rule.ts";
import { BlockMemory, roomOf } from "../plan/block_memory.ts";
import { allBlocks } from "../plan/block_runs.ts";
import { roundingKey } from "../plan/rounding_key.ts";
import type { PlannedBlock, StepPlan } from "../plan/step_plan.ts";
import {
  gradientRuns,
  gradOf,
  joinScalar,
  lengthOf,
  paramOf,
  type PassOperands,
  roundingOf,
  stateOf,
  stepRuns,
  sumSquares,
} from "../step/passes.ts";
import type { Factored, StepPasses, UpdateRule } from "../step/update_rule.ts";

/**
 * AdamW's measures of a parameter.
 *
 * @category Optimizers
 */
export interface AdamWMeasures {
  /** lr of the step. */
  readonly stepSize: number;
}

/** AdamW. */
export const adamwRule: UpdateRule<AdamWHyperparameters, AdamWMeasures> = {
  name: "AdamW",
  kinds: ["adamw"],
  numExchanges: 1,
  kindOf: () => "adamw",
  isPerMatrix: () => false,
  numbersAt: ({ rate }, step) => [rate(step)],
  factoringOf,
  fieldsOf: ({ hyper: { momentumDtype } }) => [
    {
      name: "firstMoment",
      shape: "tensor",
      dtype: momentumDtype,
      least: -Infinity,
      offset: "momentumOffset",
    },
    {
      name: "secondMoment",
      shape: "tensor",
      dtype: "f32",
      least: 0,
      offset: "secondMomentOffset",
    },
  ],
  sizesOf: ({ globalCount: length }) => ({ length }),
  describeSizes: ({ length }) => `${length} elements`,
  optionalFields: [],
  reserveSums: () => (gradientSquares) => ({
    record: {
      updateSquares: gradientSquares,
      paramSquares: gradientSquares,
      aligned: gradientSquares,
    },
  }),
  prepare: (device, plan) => new AdamWPasses(device, plan),
};

/**
 * The step is elementwise, so any view is right. With the last two dims as rows and columns, sums have the same bits on all
 * meshes; where some rank's rows of 16-bit elements are not whole words, a view with a single row avoids copies.
 */
function factoringOf(
  { parameter, layout }: Factored<AdamWHyperparameters>,
): "lastTwo" | "none" {
  const { dtype, gradientDtype } = parameter;
  if (dtype === "f32" && gradientDtype === "f32") return "lastTwo";
  return isRoundable(layout, factoredView(layout, { factoring: "lastTwo" })) ? "lastTwo" : "none";
}

/** The block's next step. @throws {RangeError} if a schedule gives a number that cannot be used */
function stepOf({ hyper, state, index }: PlannedBlock<AdamWHyperparameters>): AdamwRecord {
  const step = state.step + 1;
  const { betas: [beta1, beta2], eps, maximize, seed, weightDecay } = hyper;
  const rate = hyper.rate(step);
  return {
    // Uphill is a negative size.
    stepSize: (maximize ? -1 : 1) * rate / (1 - beta1 ** step),
    rootCorrection: 1 / Math.sqrt(1 - beta2 ** step),
    decay: rate * weightDecay,
    take: 1 - beta1,
    takeSquares: 1 - beta2,
    eps,
    key: roundingKey({ seed, index, step }),
  };
}

class AdamWPasses implements StepPasses<AdamWMeasures> {
  readonly memory: BlockMemory;
  readonly #device: Device;
  readonly #plan: StepPlan<AdamWHyperparameters>;
  /** Records with gradients in place of parameters, for the kernel that sums the squares of parameters. */
  readonly #gradients: BlockMemory;
  readonly #steps: DeviceBuffer;

  constructor(device: Device, plan: StepPlan<AdamWHyperparameters>) {
    const numBlocks = plan.blocks.length;
    this.#device = device;
    this.#plan = plan;
    this.memory = new BlockMemory(device, { numBlocks });
    this.#gradients = new BlockMemory(device, { numBlocks });
    this.#steps = device.allocate(4 * ADAMW_WORDS * numBlocks);
  }

  begin(): void {
    this.#device.write(this.#steps, encodeRecords(adamwFields, this.#plan.blocks.map(stepOf)));
  }

  sumGradients(operands: PassOperands): void {
    const memory = this.#gradients;
    const squared = { ...operands, memory, params: operands.grads, state: {} };
    memory.place(operands.plan, squared);
    sumSquares(squared, gradientRuns(operands));
    joinScalar(squared, allBlocks(operands.plan), "gradientSquares");
  }

  // deno-lint-ignore require-await -- nothing is exchanged; an error rejects
  async update(operands: PassOperands): Promise<void> {
    const { device, plan, memory: { blocks }, guard } = operands;
    for (const run of stepRuns(operands)) {
      const [grad, param] = [gradOf(run, operands), paramOf(run, operands)];
      const [first, second] = ["firstMoment", "secondMoment"].map((name) =>
        stateOf(run, operands, name)
      );
      const [firstRoom, secondRoom] = [roomOf(first), roomOf(second)];
      device.run("adamw_step", {
        ...grad.binding,
        ...param.binding,
        blocks,
        steps: this.#steps,
        sums: plan.sums,
        guard,
        momentum: first.buffer,
        secondMoment: second.buffer,
      }, {
        ...run,
        ...grad.params,
        ...param.params,
        momentumType: firstRoom.type,
        momentumLength: firstRoom.length,
        secondMomentType: secondRoom.type,
        secondMomentLength: secondRoom.length,
        gradientScale: plan.gradientScale.offset,
        sumsLength: lengthOf(plan.sums),
        ...roundingOf(run, operands),
      });
    }
  }

  measure(): Promise<readonly AdamWMeasures[]> {
    return Promise.resolve(
      this.#plan.blocks.map(({ hyper, state }) => ({ stepSize: hyper.rate(state.step) })),
    );
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
    this.#gradients[Symbol.dispose]();
    this.#steps[Symbol.dispose]();
  }
}
