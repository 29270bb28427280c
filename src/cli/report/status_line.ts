// A line of a terminal that is drawn again and again, below lines that stay. It never wraps: what does not fit is cut off. Where the
// terminal became narrower, it wraps what was drawn before; all of it is erased.
//
// A rank that the launcher started has no terminal; it sends each drawing as a line that begins with a mark, and the launcher draws it
// on its own terminal.

import type { LastingOutput } from "./lasting_output.ts";

/** A status line. */
export interface StatusLine {
  /** The largest number of characters that fit. */
  readonly columns: number;
  /** Draws `text` instead of what was there. */
  show(text: string): void;
  /** Erases the line, lets `print` print lines that stay, and draws it again below. */
  above(print: () => void): void;
  /** Erases it for good. */
  end(): void;
}

/** The status line of a terminal, which the cursor is on. */
export class TerminalStatusLine implements StatusLine {
  readonly #output: LastingOutput;
  readonly #width: () => number;
  #text = "";

  /** On the terminal that `output` writes to, and that now is `width()` columns wide. */
  constructor(output: LastingOutput, width: () => number) {
    this.#output = output;
    this.#width = width;
  }

  get columns(): number {
    return Math.max(1, this.#width() - LEFT_EMPTY);
  }

  /** Draws `text`. */
  show(text: string): void {
    const begin = this.#begin();
    this.#text = text.slice(0, this.columns);
    this.#output.write(`${begin}${this.#text}${ERASE_RIGHT}`);
  }

  /** Prints lines above it. */
  above(print: () => void): void {
    const text = this.#text;
    this.end();
    print();
    if (text !== "") this.show(text);
  }

  /** Erases it. */
  end(): void {
    if (this.#text === "") return;
    this.#output.write(`${this.#begin()}${ERASE_RIGHT}`);
    this.#text = "";
  }

  /** To where the text begins, which the terminal may have wrapped since. */
  #begin(): string {
    const rows = Math.max(1, Math.ceil(this.#text.length / Math.max(1, this.#width())));
    return rows === 1 ? "\r" : `\x1b[${rows - 1}A\r${ERASE_BELOW}`;
  }
}

/** A status line that the launcher draws. */
export class RelayedStatusLine implements StatusLine {
  readonly #output: LastingOutput;
  readonly columns: number;

  /** Sends drawings to `output`. */
  constructor(output: LastingOutput, columns: number) {
    this.#output = output;
    this.columns = Math.max(1, columns - LEFT_EMPTY);
  }

  /** Has it drawn. */
  show(text: string): void {
    this.#output.write(`${RELAYED}${text}\n`);
  }

  /** The launcher keeps lines above it. */
  above(print: () => void): void {
    print();
  }

  /** Has it erased. */
  end(): void {
    this.show("");
  }
}

/** The drawing that a line of a rank is, without its mark; undefined for other lines. */
export function relayedText(line: string): string | undefined {
  return line.startsWith(RELAYED) ? line.slice(RELAYED.length) : undefined;
}

/** Columns that stay empty: some terminals wrap at the last one, and the keys of Ctrl-C are shown as "^C" behind the line. */
const LEFT_EMPTY = 3;
/** A control string that terminals ignore, should one get it. */
const RELAYED = "\x1b_meshfactor-status\x1b\\";
const ERASE_RIGHT = "\x1b[K";
const ERASE_BELOW = "\x1b[J";
