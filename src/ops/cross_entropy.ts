// loss = mean over counted rows r of  logsumexp(logits[r, :]) - logits[r, targets[r]]
// dlogits = dloss (softmax(logits) - onehot(targets)) / (number of counted rows), 0 in the others
//
// A row is counted unless its target is the ignored class. The host made the targets, so it knows the number of counted rows. The
// kernel computes loss and dlogits in one pass over the logits, so dlogits is kept from forward to backward.

import { formatShape, rowsAndCols, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkIndices, indicesOf } from "./embedding.ts";
import { add, sub } from "./add.ts";
import { where } from "./comparison.ts";
import { constantNumbers } from "./constant.ts";
import { logSumExp } from "./log_sum_exp.ts";
import { mean } from "./mean.ts";
import { checkFloats, checkSameDevice, checkU32, inF32 } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { scale, scaled } from "./scale.ts";
import { sum } from "./sum.ts";
import { scaledBy } from "./scale_by.ts";
import { total } from "./dim_sums.ts";

/**
 * The target of ignored rows (padding, prompts): PyTorch's -100 does not fit u32, so it is the largest u32.
 *
 * @category Ops
 */
export const IGNORE_INDEX = 0xffffffff;

/**
 * Options of {@linkcode crossEntropy}.
 *
 * @category Ops
 */
export interface CrossEntropyOptions {
  /** Rows with this target are ignored: {@linkcode IGNORE_INDEX}, or any class. Default: all rows are counted. */
  readonly ignored?: number;
  /** The part of the target's probability that is spread over all classes alike, from 0 to 1. Default: 0. */
  readonly labelSmoothing?: number;
}

/**
 * Mean cross-entropy, in nats, of `logits` [..., C] against the classes `targets` [...]: a tensor of shape []. The mean is over the
 * rows that are not ignored; ignored rows have no gradient, whatever their logits. If all rows are ignored, the loss is NaN, as the
 * mean of nothing, and all gradients are 0, so that such a batch does no harm; PyTorch gives the same.
 *
 * With `labelSmoothing` e the loss is (1 - e) times that, plus e times the mean over the rows of the cross-entropy against all
 * classes alike (Szegedy et al. 2016).
 *
 * @throws {RangeError} if the shapes do not fit, a target is neither ignored nor under C, there are no rows, or labelSmoothing is not
 *   from 0 to 1.
 *
 * @example
 * ```ts
 * import { crossEntropy, IGNORE_INDEX, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using logits = Tensor.from(device, [2, 0, 0, 1, 5, 5], { shape: [3, 2], requiresGrad: true });
 * using targets = Tensor.from(device, [0, 1, IGNORE_INDEX], { dtype: "u32" });
 * using loss = crossEntropy(logits, targets, { ignored: IGNORE_INDEX });
 * await loss.backward();
 * console.log(await logits.grad?.data()); // 0 in the last row
 * ```
 *
 * @category Ops
 */
export function crossEntropy(
  logits: FloatTensor,
  targets: Tensor<"u32">,
  options: CrossEntropyOptions = {},
): Tensor {
  checkFloats("crossEntropy", { logits });
  checkU32("crossEntropy", "targets", targets);
  checkOptions("crossEntropy()", options, ["ignored", "labelSmoothing"]);
  const { ignored, labelSmoothing = 0 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(
      `crossEntropy() wants labelSmoothing from 0 to 1, got ${labelSmoothing}`,
    );
  }
  const loss = ofTargets(logits, targets, ignored);
  if (labelSmoothing === 0) return loss;
  return add(
    scale(loss, 1 - labelSmoothing),
    scale(ofAllClasses(logits, targets, ignored), labelSmoothing),
  );
}

/** The mean over counted rows of their cross-entropy against all classes alike: logSumExp - mean. */
function ofAllClasses(
  logits: FloatTensor,
  targets: Tensor<"u32">,
  ignored: number | undefined,
): Tensor {
  const rows = sub(logSumExp(logits, { dim: -1 }), mean(logits, { dim: -1 }));
  const counts = Float32Array.from(
    indicesOf("crossEntropy", targets),
    (target) => target === ignored ? 0 : 1,
  );
  const counting = counts.reduce((sum, count) => sum + count, 0);
  if (counting === counts.length) return mean(rows);
  const counted = where(constantNumbers(logits.device, counts, targets.shape), rows, 0);
  return scale(sum(counted), counting === 0 ? 0 : 1 / counting);
}

/** The mean over counted rows of their cross-entropy against their targets. */
function ofTargets(
  logits: FloatTensor,
  targets: Tensor<"u32">,
  ignored: number | undefined,
): Tensor {
  checkSameDevice("crossEntropy", logits, targets);
  const { rows, cols } = rowsAndCols(logits.shape);
  if (logits.shape.length === 0 || !sameShape(targets.shape, logits.shape.slice(0, -1))) {
    throw new RangeError(
      `crossEntropy() wants logits of [..., C] and targets of [...], got ${
        formatShape(logits.shape)
      } and ${formatShape(targets.shape)}`,
    );
  }
  const counting = countTargets("crossEntropy", targets, { numClasses: cols, ignored });
  if (rows === 0) {
    throw new RangeError(
      `crossEntropy() wants at least one row, the shape is ${formatShape(logits.shape)}`,
    );
  }
  const losses = Tensor.empty(logits.device, [rows]);
  const dLogits = Tensor.empty(logits.device, logits.shape);
  inF32([logits], (logits) => {
    logits.device.run(
      "softmax_cross_entropy",
      {
        logits: logits.buffer,
        targets: targets.buffer,
        losses: losses.buffer,
        dlogits: dLogits.buffer,
      },
      // If all rows are counted, no target is IGNORE_INDEX.
      {
        rows,
        cols,
        gradScale: counting === 0 ? 0 : 1 / counting,
        ignored: ignored ?? IGNORE_INDEX,
      },
    );
  });
  const sumOfLosses = total(losses);
  const loss = counting === 0 ? sumOfLosses.filledLike(NaN) : scaled(sumOfLosses, 1 / counting);
  losses.release();
  sumOfLosses.release();
  return loss.computedBy({
    op: "crossEntropy",
    inputs: [logits],
    saved: [dLogits],
    gradient: (dLoss) => [scaledBy(dLogits, dLoss)],
  });
}

/** The number of targets that are not `ignored`. @throws {RangeError} if one of those is not under `numClasses` */
export function countTargets(
  op: string,
  targets: Tensor<"u32">,
  { numClasses, ignored }: { readonly numClasses: number; readonly ignored: number | undefined },
): number {
  if (ignored === undefined) {
    checkIndices(op, targets, numClasses);
    return targets.length;
  }
  const counting = indicesOf(op, targets).filter((target) => target !== ignored);
  const wrong = counting.find((target) => target >= numClasses);
  if (wrong !== undefined) {
    throw new RangeError(
      `${op}() wants targets under ${numClasses}, or ${ignored} in ignored rows, got ${wrong}`,
    );
  }
  return counting.length;
}
