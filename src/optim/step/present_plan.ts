// A plan of a step, and the rule's kernel calls for it. It is kept until other parameters take part, or blocks or groups change.

import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { SharedHyperparameters } from "../options/shared_options.ts";
import { planBlocks } from "../plan/plan_blocks.ts";
import type { Participant, StepPlan } from "../plan/step_plan.ts";
import type { StepPasses, UpdateRule } from "./update_rule.ts";

/** A plan with its kernel calls; the owner of both. */
export class PresentPlan<Hyper extends SharedHyperparameters, Measures> implements Disposable {
  readonly plan: StepPlan<Hyper>;
  readonly passes: StepPasses<Measures>;
  /** What gradients were multiplied by in the step that was planned last. */
  lossScale = 1;
  /** The same, times the number of micro-batches that they were summed over. */
  gradientScale = 1;
  readonly #parameters: readonly Parameter[];

  /** Plans for the participants, whose sums add up over `groups`. */
  constructor(
    device: Device,
    rule: UpdateRule<Hyper, Measures>,
    { participants, groups }: {
      readonly participants: readonly Participant<Hyper>[];
      readonly groups: readonly ProcessGroup[];
    },
  ) {
    this.#parameters = participants.map(({ parameter }) => parameter);
    this.plan = planBlocks(device, rule, { participants, groups });
    this.passes = rule.prepare(device, this.plan);
  }

  /** Whether it is a plan for these parameters. */
  isFor(parameters: readonly Parameter[]): boolean {
    return parameters.length === this.#parameters.length &&
      parameters.every((each, index) => each === this.#parameters[index]);
  }

  /** Gives the memory back, that of the sums of the parameters' squares too. */
  [Symbol.dispose](): void {
    for (const { state } of this.plan.sources) state.squaresOf = -1;
    this.plan.sums[Symbol.dispose]();
    this.passes[Symbol.dispose]();
  }
}
