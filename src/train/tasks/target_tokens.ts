// Tokens of a text of which only some parts are to be predicted, such as the answers of a chat.
//
// The tokens are those of the whole text, where the tokens of every beginning of it that ends between two parts are a beginning of them.
// Where they are not, as a token would reach over the end of a part, each part is tokenized alone: as in generation, where the prompt is
// tokenized before there is an answer.

import type { TextTokenizer } from "./text_tokenizer.ts";

/** A part of a text. */
export interface TextPart {
  readonly text: string;
  /** Whether its tokens are to be predicted. */
  readonly isTarget: boolean;
}

/** Tokens, and which of them are to be predicted. */
export interface TargetTokens {
  readonly tokens: readonly number[];
  readonly isTarget: readonly boolean[];
}

/** Tokenizes the parts of a text. */
export function tokensOfParts(
  parts: readonly TextPart[],
  { encode }: Pick<TextTokenizer, "encode">,
): TargetTokens {
  const whole = encode(parts.map(({ text }) => text).join(""));
  let before = "";
  const ends: number[] = [];
  for (const [k, { text }] of parts.entries()) {
    before += text;
    const tokens = k === parts.length - 1 ? whole : encode(before);
    if (tokens.some((token, at) => token !== whole[at])) return tokensOfEach(parts, encode);
    ends.push(tokens.length);
  }
  const isTarget = whole.map((_, at) => parts[ends.findIndex((end) => at < end)].isTarget);
  return { tokens: whole, isTarget };
}

function tokensOfEach(
  parts: readonly TextPart[],
  encode: TextTokenizer["encode"],
): TargetTokens {
  const pieces = parts.map(({ text, isTarget }) => ({ tokens: encode(text), isTarget }));
  return {
    tokens: pieces.flatMap(({ tokens }) => tokens),
    isTarget: pieces.flatMap(({ tokens, isTarget }) => tokens.map(() => isTarget)),
  };
}
