// Text from tokens as they are generated, in pieces that never change later:
//
//   a character may take several tokens     the text is held back while it ends within one
//   a stop text ends the text before it     what may be its beginning is held back
//   tokens are not decoded one by one       as the first token of a text may lose its blank, some tokens before are decoded, too
//
// The pieces together are the whole text.

/** Options of {@linkcode TextStream}. */
export interface TextStreamOptions {
  /** The text of tokens; half a character becomes U+FFFD. */
  readonly decode: (tokens: readonly number[]) => string;
  /** The tokens before the text. */
  readonly context?: readonly number[];
  /** Texts that end it. */
  readonly stop?: readonly string[];
}

/** The text of one generation. */
export class TextStream {
  readonly #decode: (tokens: readonly number[]) => string;
  readonly #stop: readonly string[];
  /** The last tokens whose text was decoded, and those after them. */
  #tokens: number[];
  /** How many of them were decoded. */
  #numDecoded: number;
  /** Decoded text that may be the beginning of a stop text. */
  #held = "";
  #isStopped = false;

  /** An empty text. */
  constructor({ decode, context = [], stop = [] }: TextStreamOptions) {
    this.#decode = decode;
    this.#stop = stop.filter((text) => text !== "");
    this.#tokens = context.slice(-CONTEXT);
    this.#numDecoded = this.#tokens.length;
  }

  /** Whether a stop text has come: the text ended before it. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Takes the next token; returns the text that is final now. */
  push(token: number): string {
    if (this.#isStopped) return "";
    this.#tokens.push(token);
    return this.#release(this.#newText({ isEnd: false }));
  }

  /** Ends the text; returns what was held back. */
  finish(): string {
    if (this.#isStopped) return "";
    const text = this.#release(this.#newText({ isEnd: true })) + this.#held;
    this.#held = "";
    return text;
  }

  /** The text of tokens that were not decoded yet, if it ends with a whole character. */
  #newText({ isEnd }: { readonly isEnd: boolean }): string {
    const before = this.#decode(this.#tokens.slice(0, this.#numDecoded));
    const text = this.#decode(this.#tokens).slice(before.length);
    const numNew = this.#tokens.length - this.#numDecoded;
    if (text.endsWith("\uFFFD") && !isEnd && numNew < LONGEST_CHARACTER) return "";
    this.#tokens = this.#tokens.slice(-CONTEXT);
    this.#numDecoded = this.#tokens.length;
    return text;
  }

  /** `text` after what was held back, up to a stop text or what may be the beginning of one. */
  #release(text: string): string {
    const all = this.#held + text;
    const ends = this.#stop.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (ends.length > 0) {
      this.#isStopped = true;
      this.#held = "";
      return all.slice(0, Math.min(...ends));
    }
    const lengths = this.#stop.map((stop) => overlap(all, stop));
    const end = all.length - Math.max(0, ...lengths);
    this.#held = all.slice(end);
    return all.slice(0, end);
  }
}

/** The length of the longest end of `text` with which `stop` begins. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}

/** Tokens that are decoded again as context. */
const CONTEXT = 6;
/** The most tokens of a character in UTF-8; more of them that are none are not UTF-8. */
const LONGEST_CHARACTER = 4;
