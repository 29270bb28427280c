// The parameters that --freeze names, by patterns as in shells: * stands for any text, ? for a character, [0-9] for one of several,
// {a,b} for one of two.

import { matchesGlob } from "node:path";
import { partsOf } from "../models/config/checkpoint_names.ts";
import type { PretrainedModel } from "../models/pretrained_model.ts";

/** What is not trained. */
export interface FrozenParameters {
  readonly patterns: readonly string[];
  /** Paths in the model. */
  readonly paths: readonly string[];
  /** Elements of the parameters that are trained. */
  readonly numTrained: number;
}

/**
 * The parameters whose names in files match a pattern.
 *
 * @throws {RangeError} if a pattern matches none, some parts of a parameter but not all, or nothing is left to train
 */
export function frozenParameters(
  model: PretrainedModel<never>,
  patterns: readonly string[],
): FrozenParameters {
  const parameters = [...model.namedParameters()].map(([path, { length, layout }]) => ({
    path,
    length,
    names: partsOf(path, layout.wholeShape, model.form.names).map(({ name }) => name),
  }));
  const allNames = parameters.flatMap(({ names }) => names);
  for (const pattern of patterns) {
    if (allNames.some((name) => matchesGlob(name, pattern))) continue;
    throw new RangeError(
      `--freeze "${pattern}" matches none of the ${allNames.length} parameters, whose names are those of the files, such as ` +
        `${namesNear(pattern, allNames).join(", ")}: ` +
        `"*" stands for any text, as in "${allNames[0].split(".")[0]}.*"`,
    );
  }
  const isMatched = (name: string) => patterns.some((pattern) => matchesGlob(name, pattern));
  for (const { path, names } of parameters) {
    const trained = names.find((name) => !isMatched(name));
    if (trained === undefined || !names.some(isMatched)) continue;
    throw new RangeError(
      `--freeze matches ${
        names.find(isMatched)
      } and not ${trained}, which are parts of one parameter, ${path}: ` +
        "freeze all experts of a block, or none",
    );
  }
  const isFrozen = ({ names }: { readonly names: readonly string[] }) => names.some(isMatched);
  const trained = parameters.filter((each) => !isFrozen(each));
  if (trained.length === 0) {
    throw new RangeError(
      `--freeze ${patterns.map((each) => `"${each}"`).join(" ")} leaves nothing to train: ` +
        `all ${parameters.length} parameters match; give narrower patterns`,
    );
  }
  return {
    patterns,
    paths: parameters.filter(isFrozen).map(({ path }) => path),
    numTrained: trained.reduce((total, { length }) => total + length, 0),
  };
}

/** For people: "training 1000 of 2000 parameters (50.0 %): transformer.wte.* is frozen". */
export function describeFrozen(
  { patterns, numTrained }: FrozenParameters,
  numParameters: number,
): string {
  const share = (100 * numTrained / numParameters).toPrecision(3);
  return `training ${numTrained} of ${numParameters} parameters (${share} %): ${
    patterns.join(", ")
  } ${patterns.length === 1 ? "is" : "are"} frozen`;
}

/** A few names, those with the longest beginning in common with the pattern first. */
function namesNear(pattern: string, names: readonly string[]): string[] {
  const common = (name: string) => {
    const differs = [...name].findIndex((letter, k) => letter !== pattern[k]);
    return differs === -1 ? name.length : differs;
  };
  return names.toSorted((a, b) => common(b) - common(a)).slice(0, 3);
}
