// The labels of examples of classification, their loss, and the metrics that fit their kind:
//
//   single      class indices [N]              cross-entropy              accuracy, macro F1
//   multiple    0 and 1 [N, C]                 binary cross-entropies     micro F1, exact match
//   numbers     numbers [N, 1]                 squared error              mean squared error, Pearson's correlation
//
// The loss of an example is the mean over its C labels, so every example counts as one target.

import type { Device } from "../../device/device.ts";
import { classificationLoss, type ProblemType } from "../../models/losses/classification_loss.ts";
import type { DropoutMasks } from "../../nn/dropout.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Label } from "../data/records.ts";
import type { BoundTask, DrawnExample } from "../task.ts";
import type { ClassNames } from "./class_names.ts";
import { classMetrics, countClasses } from "./metrics/class_metrics.ts";
import { countLabelSets, labelSetMetrics } from "./metrics/label_set_metrics.ts";
import { numberMetrics, sumNumbers } from "./metrics/number_metrics.ts";
import { digestOf } from "./token_rows.ts";

/** Labels of examples by index. */
export interface ClassLabels {
  readonly problem: ProblemType;
  /** C */
  readonly numClasses: number;
  /** Class indices [N], or numbers [N, C]. */
  readonly values: Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
}

/** The label of one example, as numbers of `ClassLabels`. @throws {TypeError} naming the place of a label that does not fit */
export function labelNumbers(
  label: Label,
  { problem, names, place }: {
    readonly problem: ProblemType;
    readonly names: ClassNames;
    readonly place: string;
  },
): readonly number[] {
  const all = [label].flat();
  if (problem === "multi_label_classification") {
    const classes = new Set(all.map((each) => names.indexOf(each, place)));
    return names.names.map((_, index) => classes.has(index) ? 1 : 0);
  }
  if (all.length === 1 && typeof label !== "object") {
    if (problem === "single_label_classification") return [names.indexOf(label, place)];
    if (typeof label === "number") return [label];
  }
  const wanted = problem === "regression" ? "a number" : "the name of one class";
  throw new TypeError(`${place}: the label ${JSON.stringify(label)} is not ${wanted}`);
}

/** Collects the labels of examples. */
export class LabelsBuilder {
  readonly #problem: ProblemType;
  readonly #names: ClassNames;
  readonly #values: number[] = [];

  /** For labels of one kind. */
  constructor({ problem, names }: { readonly problem: ProblemType; readonly names: ClassNames }) {
    this.#problem = problem;
    this.#names = names;
  }

  /** Adds the label of an example. @throws {TypeError} as {@linkcode labelNumbers} */
  add(label: Label, place: string): void {
    const options = { problem: this.#problem, names: this.#names, place };
    this.#values.push(...labelNumbers(label, options));
  }

  /** All labels. */
  labels(): ClassLabels {
    const problem = this.#problem;
    const isClasses = problem === "single_label_classification";
    return {
      problem,
      numClasses: this.#names.length,
      values: isClasses ? Uint32Array.from(this.#values) : Float32Array.from(this.#values),
    };
  }
}

/** The labels of a batch on a device: [B] or [B, C]. */
export function labelTensor(
  device: Device,
  { problem, numClasses, values }: ClassLabels,
  drawn: readonly DrawnExample[],
): Tensor<"u32"> | Tensor {
  if (problem === "single_label_classification") {
    const classes = Uint32Array.from(drawn, ({ index }) => values[index]);
    return Tensor.from(device, classes, { shape: [drawn.length] });
  }
  const rows = drawn.flatMap(({ index }) => [
    ...values.subarray(index * numClasses, (index + 1) * numClasses),
  ]);
  return Tensor.from(device, Float32Array.from(rows), { shape: [drawn.length, numClasses] });
}

/** SHA-256 of labels, as hexadecimal digits. */
export function digestOfLabels({ values }: ClassLabels): Promise<string> {
  return digestOf(values);
}

/** A batch with labels. */
export interface LabelledBatch extends Disposable {
  readonly labels: Tensor<"u32"> | Tensor;
}

/** Loss and metrics of logits [B, C] that `forward` computes. */
export function boundClassification<Batch extends LabelledBatch>(
  forward: (batch: Batch, dropout: DropoutMasks | undefined) => Promise<Tensor>,
  { problem: problemType, numClasses }: Omit<ClassLabels, "values">,
): BoundTask<Batch> {
  const { count, metrics } = METRICS[problemType];
  return {
    loss: async (batch, dropout) =>
      classificationLoss(await forward(batch, dropout), { labels: batch.labels, problemType }),
    score: async (batch) => {
      using logits = await forward(batch, undefined);
      const { labels } = batch;
      const values = await logits.data();
      const counts = count(values, await labels.data(), numClasses);
      using mean = classificationLoss(logits, { labels, problemType });
      const numTargets = labels.shape[0];
      return Float64Array.of(numTargets * await mean.item(), numTargets, ...counts);
    },
    metrics: (sums) => metrics(sums.subarray(2)),
  };
}

const METRICS = {
  "single_label_classification": {
    count: (logits: Float32Array, labels: ArrayLike<number>, numClasses: number) =>
      countClasses(logits, Uint32Array.from(labels), numClasses),
    metrics: classMetrics,
  },
  "multi_label_classification": {
    count: (logits: Float32Array, labels: ArrayLike<number>, numClasses: number) =>
      countLabelSets(logits, Float32Array.from(labels), numClasses),
    metrics: labelSetMetrics,
  },
  "regression": {
    count: (logits: Float32Array, labels: ArrayLike<number>, numClasses: number) =>
      sumNumbers(logits, Float32Array.from(labels), numClasses),
    metrics: numberMetrics,
  },
};
