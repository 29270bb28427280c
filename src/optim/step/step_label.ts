// The label of a step's exchanges: which step it is, its rate, and what gradients are divided by. Options are compared before the first
// step; but a schedule may read what a rank decides by itself, and ranks may add up other numbers of micro-batches. As labels
// are compared in every call, that is an error with both labels, at no further exchange.
//
//   step 12 lr 0.001 /4 (12 0.001,0.05,0,0): sums 0 of embedding ... head

import type { StepPlan } from "../plan/step_plan.ts";
import type { UpdateRule } from "./update_rule.ts";

/** The beginning of the labels; in brackets all numbers of the step, of all options that parameters have. */
export function stepLabel<Hyper, Measures>(
  rule: UpdateRule<Hyper, Measures>,
  { sources }: StepPlan<Hyper>,
  divisor: number,
): string {
  const stepOf = new Map<Hyper, number>();
  const numbers = new Set<string>();
  for (const { hyper, state } of sources) {
    const step = state.step + 1;
    if (stepOf.get(hyper) === step) continue;
    stepOf.set(hyper, step);
    numbers.add(`${step} ${rule.numbersAt(hyper, step)}`);
  }
  const [{ hyper, state }] = sources;
  const [rate] = rule.numbersAt(hyper, state.step + 1);
  const shown = Number(rate.toPrecision(4));
  return `step ${state.step + 1} lr ${shown} /${divisor} (${[...numbers].join(" ")})`;
}
