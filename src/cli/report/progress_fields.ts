// The text of a training's progress, as wide as fits: first names become short, then the bar is left out, then the fields that are
// missed least.
//
//   [====----] 120/240 | loss 3.2104 | perplexity 24.1 | 1234 tokens/s | gradient norm 0.83 | lr 5.0e-5 | 1.2 GB | 2m left
//   120/240 | loss 3.2104 | ppl 24.1 | 1234 tok/s | norm 0.83 | lr 5.0e-5 | 1.2 GB | 2m left
//   [====---] 120/240 | loss 3.2104 | ppl 24.1 | 1234 tok/s | norm 0.83 | 2m left
//   120/240 | loss 3.2104 | 2m left

/** One number of the progress. */
export interface ProgressField {
  /** With its name. */
  readonly long: string;
  readonly short: string;
}

/** What the line shows. */
export interface Progress {
  /** From 0 to 1. */
  readonly share: number;
  /** "120/240". */
  readonly count: string;
  /** In order; the last ones are the first that are left out. */
  readonly fields: readonly ProgressField[];
  /** The time left, which stands at the end. */
  readonly left: string;
}

/** The line, of at most `columns` characters. */
export function progressLine({ share, count, fields, left }: Progress, columns: number): string {
  const [long, short] = (["long", "short"] as const).map((form) =>
    fields.map((each) => each[form])
  );
  const wide = (names: readonly string[]) =>
    withBar([count, ...names, left].join(" | "), { share, columns });
  const narrow = (names: readonly string[], separator: string) => {
    const line = [count, ...names, left].join(separator);
    return line.length <= columns ? line : undefined;
  };
  const whole = wide(long) ?? wide(short) ?? narrow(short, " | ") ?? narrow(short, " ");
  if (whole !== undefined) return whole;
  for (let kept = short.length - 1; kept >= 0; kept--) {
    const names = short.slice(0, kept);
    const some = wide(names) ?? narrow(names, " | ");
    if (some !== undefined) return some;
  }
  return `${count} ${left}`.slice(0, columns);
}

/** With a bar before it that fills the line, if there is room for one. */
function withBar(
  text: string,
  { share, columns }: { readonly share: number; readonly columns: number },
): string | undefined {
  const size = Math.min(LONGEST_BAR, columns - text.length - 3);
  if (size < SHORTEST_BAR) return undefined;
  const full = Math.round(share * size);
  return `[${"=".repeat(full)}${"-".repeat(size - full)}] ${text}`;
}

const SHORTEST_BAR = 6;
const LONGEST_BAR = 30;
