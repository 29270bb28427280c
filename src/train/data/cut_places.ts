// Places where a long text may be cut, so that its parts give the tokens of the whole: between a letter or digit and what is none.
//
//   best     word| and        before blanks, where a word has ended
//   else     word|, and       before punctuation and other signs, but "'" and "_", which may belong to the word
//
// The tokenizers of GPT-2, Llama 3, Qwen and BERT split texts there anyway, and the tokens of SentencePiece end there, if they do not
// hold a sign with the letters before it. Whether a cut is right is verified where parts are joined (document_tokens.ts).

/** Number of UTF-16 units on both sides of a cut that determine the tokens around it. */
export const MARGIN = 256;

/**
 * The last place between `begin` and `end` where `text` may be cut and `accepts` says yes; undefined if there is none. The runs of
 * letters and blanks around it are whole within the margins.
 */
export function lastCut(
  text: string,
  { begin, end, accepts }: {
    readonly begin: number;
    readonly end: number;
    readonly accepts: (at: number) => boolean;
  },
): number | undefined {
  const most = Math.min(end, text.length - MARGIN);
  for (const isCut of [isBeforeBlank, isBeforeSign]) {
    let tries = 0;
    for (let at = most; at >= begin && tries < MOST_TRIES; at--) {
      if (!isCut(text, at) || !isWholeAround(text, at)) continue;
      if (accepts(at)) return at;
      tries++;
    }
  }
  return undefined;
}

/** Text around a cut: whole characters. */
export function margins(
  text: string,
  at: number,
): { readonly before: string; readonly after: string } {
  const begin = Math.max(0, at - MARGIN);
  const end = Math.min(text.length, at + MARGIN);
  return {
    before: text.slice(isLowSurrogate(text.charCodeAt(begin)) ? begin + 1 : begin, at),
    after: text.slice(at, isLowSurrogate(text.charCodeAt(end)) ? end - 1 : end),
  };
}

function isBeforeBlank(text: string, at: number): boolean {
  return BLANK.test(text[at]) && LETTER.test(characterBefore(text, at));
}

function isBeforeSign(text: string, at: number): boolean {
  return SIGN.test(String.fromCodePoint(text.codePointAt(at)!)) &&
    LETTER.test(characterBefore(text, at));
}

/** Whether the letters before `at`, and the blanks or signs after it, begin and end within the margins. */
function isWholeAround(text: string, at: number): boolean {
  const { before, after } = margins(text, at);
  return (before.length === at || BREAK.test(before)) && WORD_AFTER.test(after);
}

function characterBefore(text: string, at: number): string {
  const isPair = at >= 2 && isLowSurrogate(text.charCodeAt(at - 1));
  return text.slice(at - (isPair ? 2 : 1), at);
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

const BLANK = /^[ \t\r\n]$/;
const LETTER = /^[\p{L}\p{N}]$/u;
/** No letter, mark, digit, blank, joiner, or sign that may belong to a word. */
const SIGN = /^[^\p{L}\p{M}\p{N}\p{Cf}\s'’_]$/u;
/** Text in which the last word has begun. */
const BREAK = /[^\p{L}\p{M}\p{N}]/u;
/** Blanks or signs, and something else after them. */
const WORD_AFTER = /^(\s+[^\s]|[^\p{L}\p{N}\s]+[\p{L}\p{N}\s])/u;
/** Of a text that a tokenizer does not split like that, no more places are tried. */
const MOST_TRIES = 32;
