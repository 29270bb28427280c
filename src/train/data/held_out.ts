// What is held out of the data for evaluations, and never trained on, where no other data is given for them: a tenth.
//
//   a text          [ train: first 9 tenths of the tokens | held out ]
//   records         one of each ten, at a place that is drawn for each ten, so that no order of the records, such as one class after
//                   the other in turns, leaves a class out

import { createHash } from "node:crypto";
import { RandomStream } from "../../nn/philox.ts";
import type { TokenSequence } from "../token_sequence.ts";

/** Tokens for training, and tokens for evaluation. */
export interface TokenSplit {
  readonly train: TokenSequence;
  readonly heldOut: TokenSequence;
}

/**
 * Holds out the last tenth of the tokens.
 *
 * @throws {RangeError} if either part is shorter than a window of `context` tokens and the token after it
 */
export function splitTail(
  tokens: TokenSequence,
  { context }: { readonly context: number },
): TokenSplit {
  const { length } = tokens;
  const begin = Math.floor(length * 0.9);
  if (begin > context && length - begin > context) {
    return { train: tokenRange(tokens, 0, begin), heldOut: tokenRange(tokens, begin, length) };
  }
  throw new RangeError(
    `Cannot train on ${length} tokens with windows of ${context}: the last tenth is held out and must hold a ` +
      `window, so at least ${
        10 * (context + 1)
      } are needed; give more data, other data for evaluations, or a smaller context`,
  );
}

/** Tokens `begin` to `end` of others. */
export function tokenRange(tokens: TokenSequence, begin: number, end: number): TokenSequence {
  if (!(begin >= 0 && begin <= end && end <= tokens.length)) {
    throw new RangeError(`Wanted a range of ${tokens.length} tokens, got ${begin} to ${end}`);
  }
  return {
    length: end - begin,
    read: (from, to) => tokens.read(begin + from, begin + to),
    // Of the whole and the range, so that nothing is read again.
    digest: async () =>
      createHash("sha256").update(`${await tokens.digest()} ${begin} ${end}`).digest("hex"),
  };
}

/** Whether the record at `index` is held out: one of each ten. */
export function isHeldOut(index: number): boolean {
  const ten = Math.floor(index / TENTH);
  const place = Math.floor(new RandomStream([HELD_OUT, 0]).uniform(ten) * TENTH);
  return index % TENTH === place;
}

/** @throws {RangeError} if `count` records are too few for one to be held out */
export function requireHeldOut(count: number): void {
  if (count >= TENTH) return;
  throw new RangeError(
    `Cannot train on ${count} records: one of ten is held out, so at least ${TENTH} are needed; give more data, ` +
      "or other data for evaluations",
  );
}

const TENTH = 10;
/** Separates these random numbers from others. */
const HELD_OUT = 0x68656c64;
