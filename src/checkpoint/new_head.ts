// A model with another head than the one that a checkpoint was saved with: a classifier from a base model or from a masked language
// model, other classes, a language model from its base. As in transformers, the config then names the model that is made.

import { namedAs } from "../models/architectures.ts";
import type { ModelConfig } from "../models/config/model_config.ts";
import type { ProblemType } from "../models/losses/classification_loss.ts";
import type { Architecture } from "../models/pretrained_model.ts";
import type { RandomSource } from "../nn/philox.ts";
import type { NewHead } from "./checkpoint_parameters.ts";

/** The config of the model that is made, and what a checkpoint with `config` may lack or hold besides. */
export function withHead(
  config: ModelConfig,
  { architecture, labels, problemType, random }: {
    readonly architecture: Architecture;
    readonly labels: readonly string[] | undefined;
    readonly problemType: ProblemType | undefined;
    readonly random: RandomSource | undefined;
  },
): { readonly config: ModelConfig; readonly head: NewHead } {
  const named = namedAs(config, architecture);
  if (labels !== undefined) requireLabels(config, { architecture, labels });
  return {
    config: labels === undefined ? named : withClasses(named, { labels, problemType }),
    head: {
      modules: architecture.head,
      random,
      otherHeads: named !== config,
      replaceShapes: labels !== undefined,
    },
  };
}

function requireLabels(
  config: ModelConfig,
  { architecture: { head, name }, labels }: {
    readonly architecture: Architecture;
    readonly labels: readonly string[];
  },
): void {
  if (!head.includes("classifier")) {
    throw config.error(
      `its model, ${name}, has no classes: leave labels out, or ask for a classifier`,
    );
  }
  if (labels.length === 0 || new Set(labels).size !== labels.length) {
    throw new TypeError(
      `labels must be one or more names that differ from each other, got ${JSON.stringify(labels)}`,
    );
  }
}

/** A config with classes, as transformers writes them; their number follows from them. */
export function withClasses(
  config: ModelConfig,
  { labels, problemType }: {
    readonly labels: readonly string[];
    readonly problemType?: ProblemType | undefined;
  },
): ModelConfig {
  return config.with({
    id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    num_labels: undefined,
    ...(problemType === undefined ? {} : { problem_type: problemType }),
  });
}
