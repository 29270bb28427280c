// The parameters that --freeze names, by patterns as in shells: * stands for any text, ? for a character, [0-9] for one of several,
// {a,b} for one of two.

import { matchesGlob } from "node:path";
import { nameOf } from "../models/config/checkpoint_names.ts";
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
 * @throws {RangeError} if a pattern matches none, or nothing is left to train
 */
export function frozenParameters(
  model: PretrainedModel<never>,
  patterns: readonly string[],
): FrozenParameters {
  const parameters = [...model.namedParameters()].map(([path, { length }]) => ({
    path,
    length,
    name: nameOf(path, model.form.names),
  }));
  for (const pattern of patterns) {
    if (parameters.some(({ name }) => matchesGlob(name, pattern))) continue;
    throw new RangeError(
      `--freeze "${pattern}" matches none of the ${parameters.length} parameters, whose names are those of the files, such as ` +
        `${namesNear(pattern, parameters.map(({ name }) => name)).join(", ")}: ` +
        `"*" stands for any text, as in "${parameters[0].name.split(".")[0]}.*"`,
    );
  }
  const isFrozen = ({ name }: { readonly name: string }) =>
    patterns.some((pattern) => matchesGlob(name, pattern));
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
