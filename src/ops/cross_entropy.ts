// loss = mean over rows r of  logsumexp(logits[r, :]) - logits[r, targets[r]]
// dlogits = dloss (softmax(logits) - onehot(targets)) / rows
//
// The kernel computes both in one pass over the logits, so dlogits is kept from forward to backward.

import { formatShape, rowsAndCols, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkIndices } from "./embedding.ts";
import { checkSameDevice, inF32 } from "./operands.ts";
import { scaled } from "./scale.ts";
import { scaledBy } from "./scale_by.ts";
import { total } from "./sum.ts";

/**
 * Mean cross-entropy, in nats, of `logits` [..., C] against the right classes `targets` [...]: a tensor of shape [].
 *
 * @throws {RangeError} if the shapes do not fit, a target is not under C, or there are no rows.
 */
export function crossEntropy(logits: FloatTensor, targets: Tensor<"u32">): Tensor {
  checkSameDevice("crossEntropy", logits, targets);
  const { rows, cols } = rowsAndCols(logits.shape);
  if (logits.shape.length === 0 || !sameShape(targets.shape, logits.shape.slice(0, -1))) {
    throw new RangeError(
      `crossEntropy() wants logits of [..., C] and targets of [...], got ${
        formatShape(logits.shape)
      } and ${formatShape(targets.shape)}`,
    );
  }
  checkIndices("crossEntropy", targets, cols);
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
      { rows, cols, gradScale: 1 / rows },
    );
  });
  const sumOfLosses = total(losses);
  const loss = scaled(sumOfLosses, 1 / rows);
  losses.release();
  sumOfLosses.release();
  return loss.computedBy({
    op: "crossEntropy",
    inputs: [logits, targets],
    saved: [dLogits],
    gradient: (dLoss) => [scaledBy(dLogits, dLoss)],
  });
}
