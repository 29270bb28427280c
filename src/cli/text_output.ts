// Where new texts go: stdout. That of a single prompt is written as it comes; those of several as JSON lines, in the prompts' order.

import { print } from "./printed.ts";
import type { Prompts } from "./prompts.ts";

/** Writes the new texts. */
export class TextOutput {
  readonly #prompts: Prompts;
  readonly #isPrinted: boolean;
  readonly #texts: string[];
  readonly #ended = new Set<number>();
  /** How many of the prompts were reported. */
  #numReported = 0;
  #isClosed = false;

  /** For the texts of `prompts`; other ranks than the first print nothing. */
  constructor(prompts: Prompts, { isPrinted }: { readonly isPrinted: boolean }) {
    this.#prompts = prompts;
    this.#isPrinted = isPrinted;
    this.#texts = prompts.prompts.map(() => "");
  }

  /** Whether nobody reads it any more, as after `| head`. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes a piece of the new text of prompt `index`. */
  async write(
    index: number,
    { text, isLast }: { readonly text: string; readonly isLast: boolean },
  ) {
    if (!this.#isPrinted) return;
    if (!this.#prompts.isList) return await this.#print(isLast ? `${text}\n` : text);
    this.#texts[index] += text;
    if (isLast) this.#ended.add(index);
    for (; this.#ended.has(this.#numReported); this.#numReported++) {
      const prompt = this.#prompts.prompts[this.#numReported];
      const named = typeof prompt === "string" ? { prompt } : { messages: prompt };
      await this.#print(`${JSON.stringify({ ...named, text: this.#texts[this.#numReported] })}\n`);
    }
  }

  async #print(text: string): Promise<void> {
    this.#isClosed = !await print(text);
  }
}
