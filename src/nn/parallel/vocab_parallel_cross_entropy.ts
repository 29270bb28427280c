// Cross-entropy of logits whose classes are split over the ranks of a group; no rank ever has all of them.
//
//   rank r, row t    m_r = max_c x_r[t, c]    s_r = sum_c e^(x_r[t, c] - m_r)    z_r = x_r[t, target], 0 where it is not here
//   gathered         [ranks, T, 3]: one all-gather of 3 numbers per row and rank
//   every rank       M = max m_r,  S = sum_r s_r e^(m_r - M),  loss[t] = ln S + M - sum_r z_r
//                    dx_r[t, c] = (e^(x_r[t, c] - M) / S - [c = target]) / number of counted rows      no communication
//
// The exponentials are kept in the buffer that becomes the gradient, so each is computed once. All ranks compute the loss from the
// same numbers in the same order: it has the same bits on all of them.

import { checkOptions } from "../../tensor/option_names.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { countTargets, IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import { checkFloats, checkSameDevice, checkU32, inF32 } from "../../ops/operands.ts";
import { scaled } from "../../ops/scale.ts";
import { scaledBy } from "../../ops/scale_by.ts";
import { total } from "../../ops/dim_sums.ts";
import { requireGroup } from "../parameter_checks.ts";
import { allGather } from "../../tensor/exchange.ts";
import { formatShape, rowsAndCols, sameShape } from "../../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../../tensor/tensor.ts";

/**
 * Options of {@linkcode vocabParallelCrossEntropy}.
 *
 * @category Layers
 */
export interface VocabParallelCrossEntropyOptions {
  /** Ranks that share the classes. */
  readonly processGroup: ProcessGroup;
  /**
   * C: number of all classes. Each rank has ceil(C / ranks) columns, beginning with its classes; further columns, at the end of the
   * last ranks, are padding.
   */
  readonly numClasses: number;
  /** Rows with this target are ignored: {@linkcode IGNORE_INDEX}, or any class. Default: all rows are counted. */
  readonly ignored?: number | undefined;
}

/**
 * Mean cross-entropy, in nats, of this rank's `logits` [..., ceil(C / ranks)] against the classes `targets` [...], from 0 to C - 1 and
 * equal on every rank: a tensor of shape [], equal on every rank. It is `crossEntropy()` of all ranks' logits side by side; the
 * gradient is that of this rank's logits, 0 in padding.
 *
 * @throws {RangeError} if the shapes do not fit, a target is neither ignored nor under C, or there are no rows; on all ranks.
 *
 * @example
 * ```ts
 * import { launch, requestDevice, Tensor, vocabParallelCrossEntropy } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const processGroup = world.group; // of several ranks in a real job
 * // [rows, ceil(classes / ranks)]
 * using logits = Tensor.from(device, [2, 0, 0, 1], { shape: [2, 2] });
 * using targets = Tensor.from(device, [0, 1], { dtype: "u32" });
 * using loss = await vocabParallelCrossEntropy(logits, targets, { processGroup, numClasses: 2 });
 * console.log(await loss.item());
 * ```
 *
 * @category Layers
 */
export async function vocabParallelCrossEntropy(
  logits: FloatTensor,
  targets: Tensor<"u32">,
  options: VocabParallelCrossEntropyOptions,
): Promise<Tensor> {
  checkOptions("vocabParallelCrossEntropy()", options, ["processGroup", "numClasses", "ignored"]);
  const { processGroup: group, numClasses, ignored } = options;
  requireGroup("vocabParallelCrossEntropy()", group);
  checkFloats("vocabParallelCrossEntropy", { logits });
  checkU32("vocabParallelCrossEntropy", "targets", targets);
  checkSameDevice("vocabParallelCrossEntropy", logits, targets);
  const { rows, cols } = rowsAndCols(logits.shape);
  const wantedCols = Math.ceil(numClasses / group.size);
  if (cols !== wantedCols || !sameShape(targets.shape, logits.shape.slice(0, -1)) || rows === 0) {
    throw new RangeError(
      `vocabParallelCrossEntropy() of ${numClasses} classes on ${group.size} ranks wants logits of [..., ${wantedCols}] and ` +
        `targets of [...], one row at least, got ${formatShape(logits.shape)} and ${
          formatShape(targets.shape)
        }`,
    );
  }
  const counting = countTargets("vocabParallelCrossEntropy", targets, { numClasses, ignored });
  const firstClass = group.rank * cols;
  const classes = {
    rows,
    cols,
    firstClass,
    numClasses: Math.max(0, Math.min(cols, numClasses - firstClass)),
  };
  const { device } = logits;
  const dLogits = Tensor.empty(device, logits.shape);
  const losses = Tensor.empty(device, [rows]);
  using statistics = await gatheredStatistics(logits, targets, { exps: dLogits, classes, group });
  device.run("split_cross_entropy", {
    statistics: statistics.buffer,
    targets: targets.buffer,
    losses: losses.buffer,
    dlogits: dLogits.buffer,
  }, {
    ...classes,
    rank: group.rank,
    ranks: group.size,
    // If all rows are counted, no target is IGNORE_INDEX.
    gradScale: counting === 0 ? 0 : 1 / counting,
    ignored: ignored ?? IGNORE_INDEX,
  });
  const sumOfLosses = total(losses);
  const loss = counting === 0 ? sumOfLosses.filledLike(NaN) : scaled(sumOfLosses, 1 / counting);
  losses.release();
  sumOfLosses.release();
  return loss.computedBy({
    op: "vocabParallelCrossEntropy",
    inputs: [logits],
    saved: [dLogits],
    gradient: (dLoss) => [scaledBy(dLogits, dLoss)],
  });
}

/** Writes e^(logits - their largest) to `exps`, and returns all ranks' statistics [ranks, T, 3]. */
async function gatheredStatistics(
  logits: FloatTensor,
  targets: Tensor<"u32">,
  { exps, classes, group }: {
    readonly exps: Tensor;
    readonly classes: Readonly<Record<"rows" | "cols" | "firstClass" | "numClasses", number>>;
    readonly group: ProcessGroup;
  },
): Promise<Tensor> {
  const { device } = logits;
  const { rows } = classes;
  using own = Tensor.empty(device, [rows, 3]);
  inF32([logits], (logits) => {
    device.run("split_softmax", {
      logits: logits.buffer,
      targets: targets.buffer,
      exps: exps.buffer,
      statistics: own.buffer,
    }, classes);
  });
  const all = Tensor.empty(device, [group.size, rows, 3]);
  device.copy(own.buffer, 0, all.buffer, 4 * group.rank * own.length, 4 * own.length);
  const counts = group.ranks.map(() => own.length);
  await allGather(all, { group, label: "softmax of the vocabulary", counts });
  return all;
}
