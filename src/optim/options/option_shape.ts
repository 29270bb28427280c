// Checks the names and kinds of options, so that a misspelt option is an error and not ignored. Each interface of options has
// a table of kinds beside it, which does not compile unless it names every key. Ranges of numbers, and options that exclude
// each other, are checked where options are parsed.

import * as v from "valibot";

/** The kind of an option's value, where it is given. */
export type OptionKind = v.GenericSchema;

/** The kind of every option of `Options`. */
export type OptionKinds<Options> = Readonly<Record<keyof Options, OptionKind>>;

/** A number. */
export const number: OptionKind = v.number();
/** True or false. */
export const boolean: OptionKind = v.boolean();
/** A function of the step. */
export const schedule: OptionKind = v.function();
/** A function that is called with what happens. */
export const callback: OptionKind = v.function();

/** One of these strings. */
export function oneOf(...choices: readonly string[]): OptionKind {
  return v.picklist(choices);
}

/** A value of one of these kinds. */
export function anyOf(...kinds: readonly OptionKind[]): OptionKind {
  return v.union(kinds);
}

/** A list of values of this kind. */
export function listOf(kind: OptionKind): OptionKind {
  return v.array(kind);
}

/** Two values. */
export function pairOf(first: OptionKind, second: OptionKind): OptionKind {
  return v.strictTuple([first, second]);
}

/** An object with exactly these keys. */
export function objectOf(kinds: Readonly<Record<string, OptionKind>>): OptionKind {
  return v.strictObject(kinds);
}

/** An object with some of these keys and no others. */
export function partOf(kinds: Readonly<Record<string, OptionKind>>): OptionKind {
  return v.strictObject(absentOr(kinds));
}

/** @throws {TypeError} naming an option that does not exist, or is of another kind than it must be. */
export function checkOptionShape<Options>(options: object, kinds: OptionKinds<Options>): void {
  const { issues } = v.safeParse(v.strictObject(absentOr(kinds)), options, { abortEarly: true });
  if (issues === undefined) return;
  const [issue] = issues;
  const path = issue.path?.map(({ key }) => String(key)) ?? [];
  if (path.length === 0) {
    throw new TypeError(`Options must be an object, got ${issue.received}`);
  }
  const name = path.join(".");
  if (issue.expected !== "never") {
    throw new TypeError(`Option ${name} must be ${issue.expected}, got ${issue.received}`);
  }
  throw new TypeError(
    path.length === 1
      ? `There is no option ${name}: there are ${Object.keys(kinds).join(", ")}`
      : `There is no ${name}: option ${path[0]} must not have it`,
  );
}

function absentOr(kinds: Readonly<Record<string, OptionKind>>) {
  return Object.fromEntries(Object.entries(kinds).map(([key, kind]) => [key, v.optional(kind)]));
}
