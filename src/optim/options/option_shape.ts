// Which options there are and of what kind each is: a misspelt or misplaced option must not pass for its default. A table of
// kinds stands beside the interface that it is for and names every key of it, or it does not compile. Ranges of numbers, and
// what excludes what, are checked where they are used.

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

/** One of these texts. */
export function oneOf(...choices: readonly string[]): OptionKind {
  return v.picklist(choices);
}

/** A value of one of these kinds. */
export function anyOf(...kinds: readonly OptionKind[]): OptionKind {
  return v.union(kinds);
}

/** A list of such values. */
export function listOf(kind: OptionKind): OptionKind {
  return v.array(kind);
}

/** Two values. */
export function pairOf(first: OptionKind, second: OptionKind): OptionKind {
  return v.strictTuple([first, second]);
}

/** An object of just these keys. */
export function objectOf(kinds: Readonly<Record<string, OptionKind>>): OptionKind {
  return v.strictObject(kinds);
}

/** An object of none but these keys, each of which may be absent. */
export function partOf(kinds: Readonly<Record<string, OptionKind>>): OptionKind {
  return v.strictObject(absentOr(kinds));
}

/** @throws {TypeError} naming an option that does not exist, or is of another kind than it must be. */
export function checkOptionShape<Options>(options: object, kinds: OptionKinds<Options>): void {
  const { issues } = v.safeParse(v.strictObject(absentOr(kinds)), options, { abortEarly: true });
  if (issues === undefined) return;
  const [issue] = issues;
  const name = String(issue.path?.[0]?.key);
  throw new TypeError(
    issue.expected === "never"
      ? `There is no option ${name}: there are ${Object.keys(kinds).join(", ")}`
      : `Option ${name} must be ${issue.expected}, got ${issue.received}`,
  );
}

function absentOr(kinds: Readonly<Record<string, OptionKind>>) {
  return Object.fromEntries(Object.entries(kinds).map(([key, kind]) => [key, v.optional(kind)]));
}
