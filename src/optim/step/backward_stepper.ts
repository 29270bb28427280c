// Steps parameters while backward computes the gradients of others, so that most gradients are never in memory together (Lv et al.
// 2023, "Full parameter fine-tuning for large language models with limited resources").
//
//   gradient of a parameter complete -> kept, until there are some MiB of them -> these parameters are stepped -> gradients released
//
// Nothing that backward computes later uses a parameter whose gradient is complete, so it may change. An update depends on its own
// parameter's gradient alone (unless the norm of all gradients bounds it), so steps have the same bits as one step after backward.

import { type AnyTensor, backward, type GradientReceiver } from "../../tensor/autograd.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { withGradients } from "../options/parameter_groups.ts";
import type { SharedHyperparameters } from "../options/shared_options.ts";
import { NonFiniteGradientError } from "./non_finite.ts";

/** The parameters to step, and how. */
export interface BackwardSteps {
  readonly hyper: ReadonlyMap<Parameter, SharedHyperparameters>;
  /** Parameters are stepped when they have gradients of so many bytes together. */
  readonly bytesAtATime: number;
  /** Steps parameters that have their gradients, in the order of `hyper`; `index` counts the calls. */
  readonly step: (parameters: readonly Parameter[], index: number) => Promise<void>;
}

/**
 * Backward from `loss`, with steps in between.
 *
 * @returns how often `step` was called
 * @throws {TypeError} if there are gradients already, or one that is needed would be lacking; nothing was changed
 * @throws {NonFiniteGradientError} if a gradient is NaN or infinite
 */
export async function stepInBackward(loss: FloatTensor, steps: BackwardSteps): Promise<number> {
  if ([...steps.hyper.keys()].some(({ grad }) => grad !== undefined)) {
    throw new TypeError(
      "Cannot step in backward as gradients of an earlier backward() are there: call step(), or zeroGrad()",
    );
  }
  using stepper = new BackwardStepper(steps);
  await backward(loss, stepper);
  return await stepper.finish();
}

/** Receives the gradients of one backward. Disposing it releases those that were not used, as after an error. */
class BackwardStepper implements GradientReceiver, Disposable {
  readonly #steps: BackwardSteps;
  #waiting: Parameter[] = [];
  #waitingBytes = 0;
  #numSteps = 0;

  constructor(steps: BackwardSteps) {
    this.#steps = steps;
  }

  begin(leaves: readonly AnyTensor[]): void {
    const all = new Set(leaves);
    withGradients(this.#steps.hyper, (parameter) => all.has(parameter));
  }

  async receive(leaf: AnyTensor, gradient: Tensor): Promise<boolean> {
    const parameter = leaf as Parameter;
    if (!this.#steps.hyper.has(parameter)) return false;
    const kept = gradient.alias(gradient.shape);
    kept.takeMemory();
    parameter.addGradient(kept);
    this.#waiting.push(parameter);
    this.#waitingBytes += 4 * parameter.length;
    if (this.#waitingBytes >= this.#steps.bytesAtATime) await this.#step();
    return true;
  }

  betweenNodes(): undefined {
    return undefined;
  }

  /** Steps those that wait. @returns the number of calls of `step` */
  async finish(): Promise<number> {
    if (this.#waiting.length > 0) await this.#step();
    return this.#numSteps;
  }

  async #step(): Promise<void> {
    try {
      const waiting = new Set(this.#waiting);
      const inOrder = [...this.#steps.hyper.keys()].filter((each) => waiting.has(each));
      await this.#steps.step(inOrder, this.#numSteps);
    } catch (error) {
      if (!(error instanceof NonFiniteGradientError) || this.#numSteps === 0) throw error;
      const others = "parameters whose gradients were complete before were changed";
      throw new NonFiniteGradientError(error.parameters, others);
    }
    this.#numSteps += 1;
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const parameter of this.#waiting) parameter.zeroGrad();
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
