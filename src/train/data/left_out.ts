// What was not read, by reason: nothing is left out in silence.

/** Files or records that were not read. */
export interface LeftOut {
  /** Such as "hidden". */
  readonly reason: string;
  readonly count: number;
  /** The first few of them. */
  readonly examples: readonly string[];
}

/** Counts what is left out. */
export class LeftOutCounts {
  readonly #byReason = new Map<string, { count: number; examples: string[] }>();

  /** Counts one more. */
  add(place: string, reason: string): void {
    const entry = this.#byReason.get(reason) ?? { count: 0, examples: [] };
    this.#byReason.set(reason, entry);
    entry.count++;
    if (entry.examples.length < MOST_EXAMPLES) entry.examples.push(place);
  }

  /** All reasons, in the order in which they were met. */
  get all(): LeftOut[] {
    return [...this.#byReason].map(([reason, entry]) => ({ reason, ...entry }));
  }
}

/** A line for people, such as `2 files left out, hidden: .git, .env`. */
export function describeLeftOut({ reason, count, examples }: LeftOut): string {
  const more = count > examples.length ? ", ..." : "";
  return `${count} left out (${reason}): ${examples.join(", ")}${more}`;
}

const MOST_EXAMPLES = 5;
