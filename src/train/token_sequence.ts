// A text as tokens: in memory, or wherever they are read from.

import type { Tokens } from "./tokenizer.ts";

/** The tokens of a text. */
export interface TokenSequence {
  /** Number of tokens. */
  readonly length: number;
  /** Tokens `begin` to `end`. */
  read(begin: number, end: number): Tokens;
  /** SHA-256 of the tokens, as hexadecimal digits. */
  digest(): Promise<string>;
}

/** Tokens in memory. */
export function tokensInMemory(tokens: Tokens): TokenSequence {
  return {
    length: tokens.length,
    read: (begin, end) => tokens.subarray(begin, end),
    digest: async () => {
      const { buffer, byteOffset, byteLength } = tokens;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    },
  };
}
