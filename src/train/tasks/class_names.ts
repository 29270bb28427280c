// The classes of a task by their names, and what kind of labels data has:
//
//   single      every example has one of the names            positive
//   multiple    every example has any number of them          ["toxic", "insult"]
//   numbers     every example has a number to predict         3.8
//
// Names are those that the user gives, in their order; else those of a classifier that is trained further, if the data has no others;
// else those in the data: numbers in ascending order, then texts in that of their characters. A label that is an integer is a name, or
// the index of one.

import type { ProblemType } from "../../models/losses/classification_loss.ts";
import type { Label } from "../data/records.ts";

/** Labels as they are in data. */
export interface FoundLabels {
  /** All names and numbers, each once. */
  readonly values: ReadonlySet<string | number>;
  /** Whether a label is a list. */
  readonly hasLists: boolean;
}

/** Collects the labels of data. */
export class LabelCollector implements FoundLabels {
  readonly #values = new Set<string | number>();
  #hasLists = false;

  get values(): ReadonlySet<string | number> {
    return this.#values;
  }

  get hasLists(): boolean {
    return this.#hasLists;
  }

  /** Adds the label of an example. */
  add(label: Label): void {
    if (typeof label === "object") this.#hasLists = true;
    for (const each of [label].flat()) this.#values.add(each);
  }
}

/** The kind of labels that data has: numbers that are no integers are to be predicted. */
export function problemOf({ values, hasLists }: FoundLabels): ProblemType {
  if (hasLists) return "multi_label_classification";
  const isNumeric = [...values].every((each) => typeof each === "number");
  const isWhole = [...values].every((each) => Number.isInteger(each));
  return isNumeric && !isWhole ? "regression" : "single_label_classification";
}

/** The names of classes, in their order, and the class of each label. */
export class ClassNames {
  /** In the order of the classes. */
  readonly names: readonly string[];
  readonly #indices: ReadonlyMap<string, number>;

  /** @throws {TypeError} if there are none, or one is there twice */
  constructor(names: readonly string[]) {
    this.names = names;
    this.#indices = new Map(names.map((name, index) => [name, index]));
    if (names.length > 0 && this.#indices.size === names.length) return;
    throw new TypeError(
      `labels must be one or more names that differ from each other, got ${JSON.stringify(names)}`,
    );
  }

  /** Number of classes. */
  get length(): number {
    return this.names.length;
  }

  /** The class of a label; undefined if it is none of them. */
  find(label: string | number): number | undefined {
    const named = this.#indices.get(String(label));
    if (named !== undefined || typeof label === "string") return named;
    return Number.isInteger(label) && label >= 0 && label < this.length ? label : undefined;
  }

  /** The class of a label. @throws {TypeError} naming its place, if it is none of them */
  indexOf(label: string | number, place: string): number {
    const index = this.find(label);
    if (index !== undefined) return index;
    const some = this.names.slice(0, 10).join(", ");
    const more = this.length > 10 ? `, ... (${this.length} in all)` : "";
    throw new TypeError(
      `${place}: the label ${
        JSON.stringify(label)
      } is none of ${some}${more}: give all of them with --labels a,b,c`,
    );
  }
}

/**
 * The classes for data with `found` labels.
 *
 * @throws {TypeError} if there are none, or a given one is there twice
 */
export function classNamesFor(
  found: FoundLabels,
  { given, stored }: {
    /** By the user. */
    readonly given?: readonly string[] | undefined;
    /** Those of a checkpoint with a classifier. */
    readonly stored?: readonly string[] | undefined;
  },
): ClassNames {
  if (given !== undefined) return new ClassNames(given);
  if (stored !== undefined && stored.length > 0) {
    const known = new ClassNames(stored);
    if ([...found.values].every((label) => known.find(label) !== undefined)) return known;
  }
  const numbers = [...found.values].filter((each) => typeof each === "number");
  const texts = [...found.values].filter((each) => typeof each === "string");
  const names = [...numbers.toSorted((a, b) => a - b).map(String), ...texts.toSorted()];
  return new ClassNames([...new Set(names)]);
}
