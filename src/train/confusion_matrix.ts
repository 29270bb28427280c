// Which classes were predicted for which labels, as counts that add over batches and ranks:
//
//   counts[label * C + predicted]
//
//   accuracy            sum of the diagonal / sum of all
//   tp_c, fp_c, fn_c    counts[c, c], the rest of column c, the rest of row c: tasks/metrics/class_metrics.ts has the metrics of these

import { IGNORE_INDEX } from "../ops/cross_entropy.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { kindOf } from "../tensor/argument_checks.ts";
import { classMetrics, f1Of, largestOf } from "./tasks/metrics/class_metrics.ts";

/**
 * How {@linkcode ConfusionMatrix.f1} makes one number of the classes' F1.
 *
 * @category Data
 */
export interface F1Options {
  /**
   * "macro": the mean over classes that occur, as labels or predictions. "micro": of the counts of all classes together, which is the
   * accuracy. "binary": of the class `positive`. Default: "macro".
   */
  readonly average?: "macro" | "micro" | "binary";
  /** The class that "binary" is about. Default: 1. */
  readonly positive?: number;
}

/**
 * Counts predictions by label and predicted class, from which accuracy and F1 follow, as scikit-learn defines them. Counts add over
 * batches and, with one `allReduce`, over ranks.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ConfusionMatrix } from "@meshfactor/adafactor/data";
 *
 * const confusion = new ConfusionMatrix(3);
 * confusion.add([0, 1, 1], [0, 1, 2]); // predicted classes, labels
 * confusion.add(Float32Array.of(0.1, 2, -1), [1]); // logits [1, 3]; of a tensor, `await logits.data()`
 * // On several ranks: await processGroup.allReduce(confusion.counts);
 * assert.equal(confusion.accuracy(), 3 / 4);
 * assert.equal(confusion.f1({ average: "binary" }), 4 / 5); // of class 1
 * assert.deepEqual(confusion.rows(), [[1, 0, 0], [0, 2, 0], [0, 1, 0]]);
 * ```
 *
 * @category Data
 */
export class ConfusionMatrix {
  /** C. */
  readonly numClasses: number;
  /** Counts [C, C] by label and predicted class: `counts[label * C + predicted]`. */
  readonly counts: Float64Array<ArrayBuffer>;

  /** Counts of 0. @throws {RangeError} unless `numClasses` is an integer from 2 */
  constructor(numClasses: number) {
    if (!Number.isSafeInteger(numClasses) || numClasses < 2) {
      throw new RangeError(`ConfusionMatrix wants a number of classes from 2, got ${numClasses}`);
    }
    this.numClasses = numClasses;
    this.counts = new Float64Array(numClasses ** 2);
  }

  /**
   * Counts predictions for labels [N]: logits or probabilities [N, C] in a Float32Array or Float64Array, of which the largest counts,
   * or classes [N] in any other array. Labels of `IGNORE_INDEX` are not counted.
   *
   * @throws {TypeError} if `predictions` or `labels` are no arrays, such as a tensor whose `data()` was not awaited.
   * @throws {RangeError} if their lengths do not fit, or one is no class, or a logit is NaN; nothing is counted then.
   */
  add(predictions: ArrayLike<number>, labels: ArrayLike<number>): void {
    requireArray("predictions", predictions);
    requireArray("labels", labels);
    const { numClasses } = this;
    const areLogits = predictions instanceof Float32Array || predictions instanceof Float64Array;
    const wanted = labels.length * (areLogits ? numClasses : 1);
    if (predictions.length !== wanted) {
      throw new RangeError(
        `ConfusionMatrix wants ${wanted} ${areLogits ? "logits" : "predicted classes"} ` +
          `for ${labels.length} labels of ${numClasses} classes, got ${predictions.length}`,
      );
    }
    const cells: number[] = [];
    for (let row = 0; row < labels.length; row++) {
      const label = labels[row];
      if (label === IGNORE_INDEX) continue;
      const predicted = areLogits
        ? this.#largest(predictions, row)
        : this.#class("a predicted class", predictions[row], row);
      cells.push(this.#class("a label", label, row) * numClasses + predicted);
    }
    for (const cell of cells) this.counts[cell]++;
  }

  /** The share of predictions that are right; NaN if nothing was counted. */
  accuracy(): number {
    return classMetrics(this.#perClass()).accuracy;
  }

  /**
   * F1, 2 tp / (2 tp + fp + fn); NaN if nothing was counted, and 0 for "binary" if the class never occurs.
   *
   * @throws {TypeError} if an option is unknown. @throws {RangeError} if `positive` is no class, or `average` is none of the three.
   */
  f1(options: F1Options = {}): number {
    checkOptions("f1()", options, ["average", "positive"]);
    const { average = "macro", positive = 1 } = options;
    const counts = this.#perClass();
    if (average === "macro") return classMetrics(counts).f1;
    if (average === "micro") return classMetrics(counts).accuracy;
    if (average !== "binary") {
      throw new RangeError(`f1() wants average "macro", "micro" or "binary", got ${average}`);
    }
    this.#class("`positive`", positive);
    return f1Of(counts.subarray(3 * positive, 3 * positive + 3));
  }

  /** The counts as one array for each label. */
  rows(): number[][] {
    const { numClasses, counts } = this;
    return Array.from(
      { length: numClasses },
      (_, label) => [...counts.subarray(label * numClasses, (label + 1) * numClasses)],
    );
  }

  /** [tp, fp, fn] of the classes, one after the other. */
  #perClass(): Float64Array {
    const perClass = new Float64Array(3 * this.numClasses);
    for (const [at, count] of this.counts.entries()) {
      const [label, predicted] = [Math.floor(at / this.numClasses), at % this.numClasses];
      if (label === predicted) perClass[3 * label] += count;
      else {
        perClass[3 * predicted + 1] += count;
        perClass[3 * label + 2] += count;
      }
    }
    return perClass;
  }

  #largest(logits: Float32Array | Float64Array, row: number): number {
    const begin = row * this.numClasses;
    if (logits.subarray(begin, begin + this.numClasses).some(Number.isNaN)) {
      throw new RangeError(`ConfusionMatrix wants numbers, got a logit that is NaN in row ${row}`);
    }
    return largestOf(logits, begin, this.numClasses);
  }

  #class(what: string, value: number, row?: number): number {
    if (Number.isInteger(value) && value >= 0 && value < this.numClasses) return value;
    throw new RangeError(
      `ConfusionMatrix wants ${what} from 0 to ${this.numClasses - 1}, got ${value}` +
        (row === undefined ? "" : ` in row ${row}`),
    );
  }
}

function requireArray(what: string, value: unknown): void {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return;
  throw new TypeError(
    `ConfusionMatrix wants ${what} in an array, got ${
      kindOf(value)
    }: of a tensor, \`await x.data()\``,
  );
}
