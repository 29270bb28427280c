// What the layers called within `training()` know: that the pass is one of training, and which random choices are its own. Layers
// outside compute as in evaluation.
//
//   await training({ seed, step }, async () => { using loss = crossEntropy(await model.forward(x), labels); await optim.backward(loss); })
//
// Random choices are functions of the seed, the step and the row, never of the mesh or of the order of calls.

import { requireFunction } from "./argument_checks.ts";
import { checkOptions } from "./option_names.ts";
import { AsyncScope } from "./async_scope.ts";

/**
 * Determines all random choices of a forward pass: the same values give the same choices.
 *
 * @category Layers
 */
export interface TrainingPass {
  /** An integer from 0 to 2^32 - 1. */
  readonly seed: number;
  /** The number of the training step, or of the forward pass: an integer from 0 to 2^32 - 1. */
  readonly step: number;
  /** Index of the first row here among those of the step's whole batch, over ranks and micro-batches. Default: 0. */
  readonly firstRow?: number;
}

/** A pass, and whether backward computes a part of it again. */
type OpenPass = TrainingPass & { readonly isRepeated: boolean };

const passes = new AsyncScope<OpenPass>();

/**
 * Calls `f`, in which layers that differ between training and evaluation, such as `Dropout` and `BatchNorm`, do what they do in
 * training. Outside they do what they do in evaluation.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Dropout, requestDevice, Tensor, training } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new Dropout({ probability: 0.5 });
 * using x = Tensor.from(device, [1, 1, 1, 1], { shape: [2, 2] });
 * assert.equal(await layer.forward(x), x); // evaluation
 * using y = await training({ seed: 1, step: 0 }, () => layer.forward(x));
 * assert.ok((await y.data()).every((value) => value === 0 || value === 2));
 * ```
 *
 * @category Layers
 */
export function training<Result>(pass: TrainingPass, f: () => Result): Result {
  checkOptions("training()", pass, ["seed", "step", "firstRow"]);
  requireFunction("training()", f, "training({ seed, step }, () => model.forward(x))");
  return passes.run({ ...pass, isRepeated: false }, { f });
}

/** The pass of training that the caller is within, if any; `isRepeated` when backward computes a part of it again. */
export function trainingPass(): OpenPass | undefined {
  return passes.current;
}

/** `f` in the present pass of training, to be computed again by backward. */
export function repeatedly<Result>(f: () => Result): () => Result {
  const pass = passes.current;
  return pass === undefined ? f : () => passes.run({ ...pass, isRepeated: true }, { f });
}
