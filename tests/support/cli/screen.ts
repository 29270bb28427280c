// The screen of a terminal of some width, as far as commands here use one: text that wraps, carriage return, newline, cursor up, and
// erasing to the right and below. When it becomes narrower or wider, lines are wrapped again, as most terminals do.

/** A screen of any height. */
export class Screen {
  #width: number;
  /** Rows, and whether each goes on in the next. */
  #rows: { text: string; isWrapped: boolean }[] = [{ text: "", isWrapped: false }];
  #row = 0;
  #column = 0;

  /** An empty one. */
  constructor(width: number) {
    this.#width = width;
  }

  /** What is to be read, without empty rows. */
  get lines(): string[] {
    return this.#rows.map(({ text }) => text.trimEnd()).filter((text) => text !== "");
  }

  /** Shows output. */
  write(text: string): void {
    // deno-lint-ignore no-control-regex
    for (const [part] of text.matchAll(/\x1b\[(\d*)([A-Za-z])|[^]/gu)) {
      if (part === "\r") this.#column = 0;
      else if (part === "\n") this.#moveTo(this.#row + 1, 0);
      else if (part.startsWith("\x1b")) this.#obey(part.at(-1)!, Number(part.slice(2, -1)) || 1);
      else this.#put(part);
    }
  }

  /** Wraps all lines anew; the cursor stays behind the same character. */
  resize(width: number): void {
    const before = this.#rows.slice(0, this.#row + 1);
    before[before.length - 1] = {
      text: before.at(-1)!.text.slice(0, this.#column),
      isWrapped: false,
    };
    this.#width = width;
    const whole = rewrapped(this.#rows, width);
    const cursor = rewrapped(before, width);
    this.#rows = whole;
    this.#row = cursor.length - 1;
    this.#column = cursor.at(-1)!.text.length;
  }

  #put(character: string): void {
    if (this.#column === this.#width) {
      this.#rows[this.#row].isWrapped = true;
      this.#moveTo(this.#row + 1, 0);
    }
    const row = this.#rows[this.#row];
    const characters = [...row.text.padEnd(this.#column)];
    characters[this.#column++] = character;
    row.text = characters.join("");
  }

  #obey(command: string, count: number): void {
    const row = this.#rows[this.#row];
    if (command === "A") this.#row = Math.max(0, this.#row - count);
    if (command === "K" || command === "J") {
      row.text = [...row.text].slice(0, this.#column).join("");
      row.isWrapped = false;
    }
    if (command === "J") this.#rows.length = this.#row + 1;
  }

  #moveTo(row: number, column: number): void {
    while (this.#rows.length <= row) this.#rows.push({ text: "", isWrapped: false });
    this.#row = row;
    this.#column = column;
  }
}

function rewrapped(
  rows: readonly { readonly text: string; readonly isWrapped: boolean }[],
  width: number,
): { text: string; isWrapped: boolean }[] {
  const lines = [""];
  for (const { text, isWrapped } of rows) {
    lines[lines.length - 1] += text;
    if (!isWrapped) lines.push("");
  }
  lines.pop();
  return lines.flatMap((line) => {
    const count = Math.max(1, Math.ceil(line.length / width));
    return Array.from({ length: count }, (_, k) => ({
      text: line.slice(k * width, (k + 1) * width),
      isWrapped: k < count - 1,
    }));
  });
}
