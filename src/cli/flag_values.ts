// The values of flags as numbers.

import { InvalidArgumentError } from "commander";

/** An integer that is no less. @throws {InvalidArgumentError} saying so */
export function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const isInteger = /^\d+$/.test(text.trim());
    if (isInteger && value >= least && value < 2 ** 32) return value;
    const most = isInteger && value >= least ? ` and < ${2 ** 32}` : "";
    throw new InvalidArgumentError(`It must be an integer >= ${least}${most}.`);
  };
}

/** A finite number within a range, which is given in words too. @throws {InvalidArgumentError} with these words */
export function number(
  range: string,
  isWithin: (value: number) => boolean,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const isNumber = text.trim() !== "" && Number.isFinite(value) && isWithin(value);
    if (isNumber && Math.abs(value) <= MOST_F32) return value;
    const most = isNumber ? `, at most ${MOST_F32.toPrecision(3)}` : "";
    throw new InvalidArgumentError(`It must be a number ${range}${most}.`);
  };
}

/** 24 days. */
const MOST_SECONDS = Math.floor((2 ** 31 - 1) / 1000);
/** What is computed with numbers is computed in f32. */
const MOST_F32 = (2 - 2 ** -23) * 2 ** 127;

/** A number from 0 to below 1. */
export const probability: (text: string) => number = number("from 0 to below 1", isProbability);

/** A probability, or "config" for those of config.json. */
export function dropout(text: string): number | "config" {
  return text === "config"
    ? text
    : number('from 0 to below 1, or "config" for those of config.json', isProbability)(text);
}

function isProbability(value: number): boolean {
  return value >= 0 && value < 1;
}

/** Seconds from a duration such as 90s, 30m, 2h or 1h30m. @throws {InvalidArgumentError} if it is none, or 0 */
export function duration(text: string): number {
  const parts = /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(
    text.trim(),
  );
  const [hours, minutes, seconds] = (parts ?? []).slice(1).map((part) => Number(part ?? 0));
  const total = 3600 * hours + 60 * minutes + seconds;
  if (total > 0) return total;
  throw new InvalidArgumentError("It must be a duration, such as 90s, 30m, 2h or 1h30m.");
}

/** Seconds to wait: a timer for more milliseconds than 31 bits hold would ring at once. */
export const secondsToWait: (text: string) => number = number(
  `of seconds from 0 to ${MOST_SECONDS}`,
  (value) => value >= 0 && value <= MOST_SECONDS,
);

/** A share: more than 0, at most 1. */
export const share: (text: string) => number = number("> 0 and <= 1", (x) => x > 0 && x <= 1);

/** A number from 0. */
export const notNegative: (text: string) => number = number(">= 0", (value) => value >= 0);

/** A number that is larger. */
export function above(limit: number): (text: string) => number {
  return number(`> ${limit}`, (value) => value > limit);
}

/** Names with commas between them. @throws {InvalidArgumentError} if one is empty or there twice */
export function names(text: string): string[] {
  const all = text.split(",").map((name) => name.trim());
  if (all.every((name) => name !== "") && new Set(all).size === all.length) return all;
  throw new InvalidArgumentError("It must be names that differ, with commas between them: a,b,c.");
}
