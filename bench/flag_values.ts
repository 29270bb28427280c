// Parsers of what follows a flag, for commander.

import { InvalidArgumentError } from "commander";

/** Values between commas. */
export function listOf<T>(parse: (text: string) => T): (text: string) => readonly T[] {
  return (text) => text.split(",").map(parse);
}

/** One of `names`. */
export function oneOf<T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const name = names.find((each) => each === text);
    if (name === undefined) throw new InvalidArgumentError(`Known are ${names.join(", ")}.`);
    return name;
  };
}

/** An integer that is not less than `least`. */
export function integerFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && text.trim() !== "") return value;
    throw new InvalidArgumentError(`An integer from ${least} on is needed.`);
  };
}
