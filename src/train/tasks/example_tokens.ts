// The tokens of one example of each kind of record, cut to the tokens that a model supports.

import type { ChatMessage, ChatTemplate } from "../chat_template.ts";
import { assistantParts } from "./assistant_parts.ts";
import { type TargetTokens, tokensOfParts } from "./target_tokens.ts";
import type { SurroundingTokens, TextTokenizer } from "./text_tokenizer.ts";

/** Whether something was cut. */
export interface Cut {
  readonly isCut: boolean;
}

/** A prompt and its completion: the completion and the end token are targets. */
export function promptTokens(
  { prompt, completion }: { readonly prompt: string; readonly completion: string },
  { tokenizer, context }: { readonly tokenizer: TextTokenizer; readonly context: number },
): TargetTokens & Cut {
  const { single: { before }, tokens: { end } } = tokenizer;
  const parts = [{ text: prompt, isTarget: false }, { text: completion, isTarget: true }];
  const { tokens, isTarget } = tokensOfParts(parts, tokenizer);
  const ends = end === undefined ? [] : [end];
  return cutTo(context, {
    tokens: [...before, ...tokens, ...ends],
    isTarget: [...before.map(() => false), ...isTarget, ...ends.map(() => true)],
  });
}

/** A chat: what the assistant says is a target, with the token that ends it. */
export function chatTokens(
  messages: readonly ChatMessage[],
  { tokenizer, template, context }: {
    readonly tokenizer: TextTokenizer;
    readonly template: ChatTemplate;
    readonly context: number;
  },
): TargetTokens & Cut {
  const { tokens, isTarget } = tokensOfParts(assistantParts(messages, template), tokenizer);
  return cutTo(context, { tokens, isTarget: withoutBlanksAfterEnd(isTarget, tokens, tokenizer) });
}

/** Templates put a line break after the end of an answer, which ends before it. */
function withoutBlanksAfterEnd(
  isTarget: readonly boolean[],
  tokens: readonly number[],
  { special, decode }: TextTokenizer,
): readonly boolean[] {
  const result = [...isTarget];
  for (let end = tokens.length; end > 0; end--) {
    if (!isTarget[end - 1] || isTarget[end]) continue;
    // The last of a run of targets.
    let last = end - 1;
    while (last > 0 && isTarget[last] && !special.has(tokens[last])) last--;
    const isEnd = isTarget[last] && special.has(tokens[last]);
    if (isEnd && decode(tokens.slice(last + 1, end)).trim() === "") {
      result.fill(false, last + 1, end);
    }
  }
  return result;
}

function cutTo(context: number, { tokens, isTarget }: TargetTokens): TargetTokens & Cut {
  return {
    tokens: tokens.slice(0, context),
    isTarget: isTarget.slice(0, context),
    isCut: tokens.length > context,
  };
}

/** One text or two, with special tokens around them. */
export interface SurroundedTokens extends Cut {
  readonly tokens: readonly number[];
  /** Of each token; undefined if all are 0. */
  readonly types: readonly number[] | undefined;
}

/**
 * A text, or two, as the model expects them. If there are more tokens than `context`, they are cut from the end, and of two texts from
 * that which is longer, as transformers does.
 *
 * @throws {TypeError} if there are two texts and the tokenizer takes no pairs
 */
export function surroundedTokens(
  { text, pair }: { readonly text: string; readonly pair?: string | undefined },
  { tokenizer, context }: { readonly tokenizer: TextTokenizer; readonly context: number },
): SurroundedTokens {
  const { encode } = tokenizer;
  if (pair === undefined) {
    const around = tokenizer.single;
    const tokens = encode(text);
    const most = roomIn(context, around);
    return { ...joined([tokens.slice(0, most), []], around), isCut: tokens.length > most };
  }
  const around = tokenizer.pair;
  if (around === undefined) {
    throw new TypeError(`the tokenizer (${tokenizer.name}) takes no pairs of texts: give one text`);
  }
  const [one, other] = [encode(text), encode(pair)];
  const most = roomIn(context, around);
  const [first, second] = lengthsOfPair(one.length, other.length, most);
  return {
    ...joined([one.slice(0, first), other.slice(0, second)], around),
    isCut: one.length + other.length > most,
  };
}

/** How many tokens fit beside the special ones. */
export function roomIn(context: number, { before, between, after }: SurroundingTokens): number {
  return Math.max(0, context - before.length - between.length - after.length);
}

/** The lengths of two texts of which the longer one is cut until both fit; then both have half of what fits, or the longer one more. */
function lengthsOfPair(one: number, other: number, most: number): [number, number] {
  if (one + other <= most) return [one, other];
  const half = Math.floor(most / 2);
  if (Math.min(one, other) <= half) {
    return one > other ? [most - other, other] : [one, most - one];
  }
  return one > other ? [most - half, half] : [half, most - half];
}

function joined(
  [text, other]: readonly [readonly number[], readonly number[]],
  { before, between, after, types }: SurroundingTokens,
): Pick<SurroundedTokens, "tokens" | "types"> {
  const parts = [before, text, between, other, after];
  const tokens = parts.flat();
  if (types.every((type) => type === 0)) return { tokens, types: undefined };
  return { tokens, types: parts.flatMap((part, k) => part.map(() => types[k])) };
}

/** Words as tokens, of which the first of every word has its label. */
export interface LabelledTokens extends Cut {
  readonly tokens: readonly number[];
  /** The index of its word for the first token of a word, undefined for all others. */
  readonly words: readonly (number | undefined)[];
}

/** Words, each tokenized by itself, as the model expects a text. */
export function wordTokens(
  words: readonly string[],
  { tokenizer, context }: { readonly tokenizer: TextTokenizer; readonly context: number },
): LabelledTokens {
  const { encode, single } = tokenizer;
  const { before, after } = single;
  const pieces = words.map(encode);
  const most = roomIn(context, single);
  const tokens = pieces.flat();
  const first = pieces.flatMap((piece, word) => piece.map((_, k) => k === 0 ? word : undefined));
  const none = (around: readonly number[]) => around.map(() => undefined);
  return {
    tokens: [...before, ...tokens.slice(0, most), ...after],
    words: [...none(before), ...first.slice(0, most), ...none(after)],
    isCut: tokens.length > most,
  };
}

/** A text with an end token, as both texts of a T5 have it; the tokenizer may put it there itself. */
export function endedTokens(
  text: string,
  { tokenizer, context, end }: {
    readonly tokenizer: TextTokenizer;
    readonly context: number;
    readonly end: number | undefined;
  },
): { readonly tokens: readonly number[] } & Cut {
  const { single: { before, after } } = tokenizer;
  const ends = after.length > 0 || end === undefined ? after : [end];
  const all = [...before, ...tokenizer.encode(text)];
  const most = Math.max(0, context - ends.length);
  return { tokens: [...all.slice(0, most), ...ends], isCut: all.length > most };
}
