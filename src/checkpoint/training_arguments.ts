// Checks of what saveCheckpoint() and loadCheckpoint() are given, before anything is read, written or exchanged.

import { Module } from "../nn/module.ts";
import type { OptimizerWithState, TrainingState } from "./training_state.ts";

/** @throws {TypeError} unless there are a folder's path, a model and an optimizer */
export function requireTraining<State extends object>(
  call: string,
  folder: string,
  training: TrainingState<State>,
): void {
  if (typeof folder !== "string" || folder === "") {
    throw new TypeError(`${call}() needs the path of a folder, got ${JSON.stringify(folder)}`);
  }
  if (typeof training !== "object" || training === null) {
    throw new TypeError(`${call}() needs { model, optim }, got ${training}`);
  }
  const { model, optim } = training;
  if (!(model instanceof Module)) {
    throw new TypeError(`${call}() needs the option model, a module, got ${kindOf(model)}`);
  }
  if (!isOptimizer(optim)) {
    throw new TypeError(
      `${call}() needs the option optim, an optimizer of the model's parameters, got ${
        kindOf(optim)
      }: use savePretrained() ` +
        "and loadPretrained() for a model alone",
    );
  }
}

/** @throws {RangeError} unless it is a whole number from 0 */
export function requireStepNumber(step: number): void {
  if (Number.isSafeInteger(step) && step >= 0) return;
  throw new RangeError(`A checkpoint needs the step, a whole number from 0, got ${step}`);
}

function isOptimizer(given: unknown): given is OptimizerWithState<object> {
  return typeof given === "object" && given !== null && "stateDict" in given &&
    "loadStateDict" in given;
}

function kindOf(given: unknown): string {
  return typeof given === "object" && given !== null ? given.constructor.name : String(given);
}
