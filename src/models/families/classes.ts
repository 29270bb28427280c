// Settings that the configs of all classifiers have: the number of classes, and the kind of labels.

import * as v from "valibot";
import type { ProblemType } from "../losses/classification_loss.ts";
import { count, type ModelConfig, orNull } from "../config/model_config.ts";

/** The classes of a classifier. */
export interface Classes {
  readonly numClasses: number;
  /** The kind of labels; undefined if it follows from the labels of the first batch. */
  readonly problemType: ProblemType | undefined;
}

/** The classes that a config names, or their number: two if it gives neither, as in transformers. */
export function readClasses(config: ModelConfig): Classes {
  const { id2label: labels, num_labels: number, problem_type: problemType } = config.read(settings);
  const named = Object.keys(labels ?? {}).length;
  return {
    numClasses: named > 0 ? named : number ?? 2,
    problemType: problemType ?? undefined,
  };
}

const settings = v.object({
  id2label: orNull(v.record(v.string(), v.unknown())),
  num_labels: orNull(count),
  problem_type: orNull(
    v.picklist(["single_label_classification", "multi_label_classification", "regression"]),
  ),
});
