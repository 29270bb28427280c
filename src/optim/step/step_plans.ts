// The plans of an optimizer's step: one for all parameters, or several where parameters are stepped in backward, a few at a time
// (backward_stepper.ts). Each is kept until other parameters are stepped in its place.

import type { Parameter } from "../../tensor/parameter.ts";
import type { SharedHyperparameters } from "../options/shared_options.ts";
import type { PresentPlan } from "./present_plan.ts";

/** The owner of the plans, in the order in which they are stepped. */
export class StepPlans<Hyper extends SharedHyperparameters, Measures> implements Disposable {
  #plans: PresentPlan<Hyper, Measures>[] = [];

  /** The plans of the last step; none before the first, and after one that did not take place as a whole. */
  get finished(): readonly PresentPlan<Hyper, Measures>[] {
    return this.#plans.every(({ plan }) => plan.isFinished) ? this.#plans : [];
  }

  /** The plan at `index` if it is for these parameters; else the one that `make` makes, in place of it and of those after it. */
  at(
    index: number,
    parameters: readonly Parameter[],
    make: () => PresentPlan<Hyper, Measures>,
  ): PresentPlan<Hyper, Measures> {
    const present = this.#plans[index];
    if (present?.isFor(parameters)) return present;
    // First, as it may throw.
    const made = make();
    this.keep(index);
    return this.#plans[index] = made;
  }

  /** Releases all but the first `count` plans. */
  keep(count: number): void {
    for (const plan of this.#plans.splice(count)) plan[Symbol.dispose]();
  }

  /** Releases all of them. */
  [Symbol.dispose](): void {
    this.keep(0);
  }
}
