// Files as one sequence of tokens, of which the tail is held out:
//
//   [ file | file | file ....................... | file ]
//   [ train: first 9 tenths                      | held out ]
//
// Text is tokenized in pieces of about a megabyte, so that no more than one is in memory as a string. A piece ends between a letter or
// digit and a newline, where the tokenizers of GPT-2, Llama 3 and Qwen split anyway: their tokens are those of the whole text.
// Tokenizers that put a blank before text (SentencePiece) put one more before each piece.

import { readText } from "./text_files.ts";
import type { Tokenizer, Tokens } from "./tokenizer.ts";

/** Tokens for training, and tokens for evaluation that are never trained on. */
export interface TokenSplit {
  readonly train: Tokens;
  readonly heldOut: Tokens;
}

/** Tokenizes files, and text files in folders, in the order of their paths. @throws {Error} naming what cannot be read or tokenized */
export async function readTokens(
  paths: readonly string[],
  tokenizer: Tokenizer,
): Promise<Tokens> {
  const { text } = await readText(paths);
  return tokenize(text, { tokenizer });
}

/** Tokenizes `text` in pieces of at most `pieceBytes`. @throws {TypeError} naming the piece with text that has no token */
export function tokenize(
  text: Uint8Array<ArrayBuffer>,
  { tokenizer, pieceBytes = PIECE_BYTES }: {
    readonly tokenizer: Tokenizer;
    readonly pieceBytes?: number;
  },
): Tokens {
  const parts: Tokens[] = [];
  for (let begin = 0; begin < text.length;) {
    const end = endOfPiece(text, begin, pieceBytes);
    try {
      parts.push(tokenizer.encode(text.subarray(begin, end)));
    } catch (cause) {
      throw new TypeError(
        `Cannot tokenize the text from byte ${begin} on: ${
          cause instanceof Error ? cause.message : cause
        }`,
        { cause },
      );
    }
    begin = end;
  }
  return concatenate(parts);
}

/**
 * Holds out the last tenth.
 *
 * @throws {RangeError} if either part is shorter than a window of `context` tokens and the token after it.
 */
export function splitTail(tokens: Tokens, { context }: { readonly context: number }): TokenSplit {
  const begin = Math.floor(tokens.length * 0.9);
  const split = { train: tokens.subarray(0, begin), heldOut: tokens.subarray(begin) };
  if (split.heldOut.length > context && split.train.length > context) return split;
  throw new RangeError(
    `Cannot train on ${tokens.length} tokens with windows of ${context}: the last tenth is held out and must hold a ` +
      `window, so at least ${
        10 * (context + 1)
      } are needed; give more --data, or a smaller --context`,
  );
}

const PIECE_BYTES = 2 ** 20;

/** The last split point before `begin + most`: between a letter and a newline, else before any newline or character. */
function endOfPiece(text: Uint8Array, begin: number, most: number): number {
  const limit = begin + most;
  if (limit >= text.length) return text.length;
  const lastBefore = (isCut: (at: number) => boolean): number | undefined => {
    for (let at = limit; at > begin; at--) if (isCut(at)) return at;
    return undefined;
  };
  const isNewline = (at: number) => text[at] === NEWLINE;
  return lastBefore((at) => isNewline(at) && isAlphanumeric(text[at - 1])) ??
    lastBefore(isNewline) ?? lastBefore((at) => (text[at] & 0xc0) !== 0x80) ?? limit;
}

function isAlphanumeric(byte: number): boolean {
  return /[0-9A-Za-z]/.test(String.fromCharCode(byte));
}

const NEWLINE = 0x0a;

function concatenate(parts: readonly Tokens[]): Tokens {
  if (parts.length <= 1) return parts[0] ?? new Uint8Array(0);
  const length = parts.reduce((total, part) => total + part.length, 0);
  const [first] = parts;
  const whole = first instanceof Uint8Array
    ? new Uint8Array(length)
    : first instanceof Uint16Array
    ? new Uint16Array(length)
    : new Uint32Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
