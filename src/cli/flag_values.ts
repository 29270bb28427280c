// The values of flags as numbers.

import { InvalidArgumentError } from "commander";

/** An integer that is no less. @throws {InvalidArgumentError} saying so */
export function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least || value > 2 ** 32 - 1) {
      throw new InvalidArgumentError(`It must be an integer >= ${least}.`);
    }
    return value;
  };
}

/** A number from 0 to below 1. @throws {InvalidArgumentError} saying so */
export function probability(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError(
    'It must be a number from 0 to below 1, or "config" for --dropout.',
  );
}

/** A finite number from 0. @throws {InvalidArgumentError} saying so */
export function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number >= 0.");
}

/** A finite number that is larger. @throws {InvalidArgumentError} saying so */
export function above(limit: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value <= limit) {
      throw new InvalidArgumentError(`It must be a number > ${limit}.`);
    }
    return value;
  };
}
