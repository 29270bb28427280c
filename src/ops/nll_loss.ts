// losses[r] = -logProbabilities[r, targets[r]], 0 in ignored rows; their mean is over the rows that are not ignored.

import { formatShape, sameShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { neg } from "./add.ts";
import { where } from "./comparison.ts";
import { constantNumbers } from "./constant.ts";
import { countTargets } from "./cross_entropy.ts";
import { indicesOf } from "./embedding.ts";
import { gatherAt } from "./gather.ts";
import { type LossReduction, reduced } from "./losses.ts";
import { checkFloats, checkSameDevice, checkU32 } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { reshape } from "./reshape.ts";
import { scale } from "./scale.ts";
import { sum } from "./sum.ts";

/**
 * Options of {@linkcode nllLoss}.
 *
 * @category Ops
 */
export interface NllOptions {
  /** Rows with this target are ignored: they count for nothing. Default: all rows are counted. */
  readonly ignored?: number;
  /** Default: "mean", over the rows that are not ignored. */
  readonly reduction?: LossReduction;
}

/**
 * Negative logarithms of the targets' probabilities, of `logProbabilities` [..., C] against the classes `targets` [...]. The mean of no
 * rows is NaN.
 *
 * @throws {RangeError} if the shapes do not fit, or a target is neither ignored nor under C.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { logSoftmax, nllLoss } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using logits = Tensor.from(device, [0, Math.log(3)], { shape: [1, 2] });
 * using targets = Tensor.from(device, [1], { dtype: "u32" });
 * using loss = nllLoss(logSoftmax(logits), targets);
 * console.log(await loss.item()); // -log 0.75 = 0.29
 * ```
 *
 * @category Ops
 */
export function nllLoss(
  logProbabilities: FloatTensor,
  targets: Tensor<"u32">,
  options: NllOptions = {},
): Tensor {
  checkFloats("nllLoss", { logProbabilities });
  checkOptions("nllLoss()", options, ["ignored", "reduction"]);
  checkU32("nllLoss", "targets", targets);
  checkSameDevice("nllLoss", logProbabilities, targets);
  const { shape, device } = logProbabilities;
  const { ignored, reduction = "mean" } = options;
  if (shape.length === 0 || !sameShape(targets.shape, shape.slice(0, -1))) {
    throw new RangeError(
      `nllLoss() wants log probabilities of [..., C] and targets of [...], got ${
        formatShape(shape)
      } and ${formatShape(targets.shape)}`,
    );
  }
  const counting = countTargets("nllLoss", targets, { numClasses: shape.at(-1)!, ignored });
  const classes = indicesOf("nllLoss", targets);
  const counts = classes.map((target) => target === ignored ? 0 : 1);
  const chosen = gatherAt(
    logProbabilities,
    classes.map((target, row) => counts[row] === 1 ? target : 0),
    { shape: [...targets.shape, 1] },
  );
  const all = neg(reshape(chosen, targets.shape));
  const losses = counting === classes.length
    ? all
    : where(constantNumbers(device, Float32Array.from(counts), targets.shape), all, 0);
  return reduction === "mean"
    ? scale(sum(losses), 1 / counting)
    : reduced("nllLoss", losses, { reduction });
}
