// Names for messages. Every layer on its own calls its parameters weight and bias: names that several parameters of an optimizer
// share are distinguished by position and shape.
//
//   up.weight, down.weight                              unique names, as they are
//   weight (number 0, [32, 8]), weight (number 2, [8, 32])
//
// and for the labels of collectives, which must be short and quick to make: up.weight ... down.weight

import type { Parameter } from "./parameter.ts";

/** A name for each of `parameters` that is unique among `all`, which include them. */
export function distinctNames(
  parameters: readonly Parameter[],
  all: readonly Parameter[],
): string[] {
  const counts = new Map<string, number>();
  for (const { name } of all) counts.set(name, 1 + (counts.get(name) ?? 0));
  return parameters.map((parameter) => {
    const { name, shape } = parameter;
    return counts.get(name) === 1
      ? name
      : `${name} (number ${all.indexOf(parameter)}, [${shape.join(", ")}])`;
  });
}

/** The names of `parameters`, for a sentence; if they are many, the first ones and how many more there are. */
export function describeParameters(
  parameters: readonly Parameter[],
  all: readonly Parameter[],
): string {
  const names = distinctNames(parameters.slice(0, MAX_NAMES), all).join(", ");
  const more = parameters.length - MAX_NAMES;
  return more > 0 ? `${names} and ${more} more` : names;
}

/** The first and the last of `parameters`, which must be some, for the label of a collective that moves all of them. */
export function spanOf(parameters: readonly Pick<Parameter, "name">[]): string {
  const [first, last] = [parameters[0].name, parameters.at(-1)!.name];
  return parameters.length === 1 ? first : `${first} ... ${last}`;
}

const MAX_NAMES = 8;
