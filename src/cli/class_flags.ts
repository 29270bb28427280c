// The classes of a training: what flags say, else a checkpoint that is a classifier, else the labels of the data.

import * as v from "valibot";
import type { ModelConfig } from "../models/config/model_config.ts";
import type { ProblemType } from "../models/losses/classification_loss.ts";
import {
  ClassNames,
  classNamesFor,
  type FoundLabels,
  problemOf,
} from "../train/tasks/class_names.ts";

/** What labels are, by the values of --problem. */
export const PROBLEMS = {
  single: "single_label_classification",
  multiple: "multi_label_classification",
  number: "regression",
} as const satisfies Record<string, ProblemType>;

/** The flags of classes. */
export interface ClassFlags {
  /** Names of classes. */
  readonly labels?: readonly string[];
  /** What labels of texts are. */
  readonly problem?: keyof typeof PROBLEMS;
}

/** Classes, and what labels are. */
export interface GivenClasses {
  readonly names: ClassNames;
  readonly problem: ProblemType;
}

/** The classes for data with `found` labels; `head` is the end of the name of classifiers. @throws {TypeError} if there are none */
export function classesFor(
  found: FoundLabels,
  { flags, config, head }: {
    readonly flags: ClassFlags;
    readonly config: ModelConfig;
    readonly head: string;
  },
): GivenClasses {
  const { labels: given, problem: asked } = flags;
  const { architectures, id2label, problem_type } = config.read(settings);
  const isClassifier = architectures?.some((name) => name.endsWith(head)) ?? false;
  const stored = isClassifier ? problem_type ?? undefined : undefined;
  const problem = asked === undefined ? stored ?? problemOf(found) : PROBLEMS[asked];
  if (problem === "regression") {
    return { problem, names: new ClassNames(given ?? ["LABEL_0"]) };
  }
  return {
    problem,
    names: classNamesFor(found, { given, stored: namesIn(id2label, isClassifier) }),
  };
}

function namesIn(
  names: Readonly<Record<string, string>> | null | undefined,
  isClassifier: boolean,
): readonly string[] | undefined {
  if (!isClassifier || !names) return undefined;
  return Object.keys(names).toSorted((a, b) => Number(a) - Number(b)).map((id) => names[id]);
}

const settings = v.object({
  architectures: v.nullish(v.array(v.string())),
  id2label: v.nullish(v.record(v.string(), v.string())),
  problem_type: v.nullish(v.picklist(Object.values(PROBLEMS))),
});
