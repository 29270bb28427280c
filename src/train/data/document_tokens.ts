// The tokens of a document however long it is, as those of the whole text, though only a part of it is in memory as a string.
//
//   text     ...  a a a a|b b b b  ...          a, b: margins of a cut
//   parts    [ earlier text | b b b b ]         tokens: ... , then those of b
//                   [ a a a a | later text ]    tokens: those of a, then ...
//
// A cut is right if the tokens of "a b" begin with those of a; the rest of them are the tokens of b there. Then the earlier part, with b
// after it, must end with the tokens of b, and the later part, with a before it, must begin with the tokens of a. These are taken away, so
// what a tokenizer does at the start or the end of a text (SentencePiece puts a blank before it) does not happen at cuts. Where either is
// not so, the text is not cut there.

import { lastCut, margins } from "./cut_places.ts";

/** Gives the tokens of a text. */
export type Encode = (text: string) => ArrayLike<number>;

/** Options of {@linkcode documentTokens}. */
export interface DocumentTokensOptions {
  /** For messages. */
  readonly place: string;
  /** About how many UTF-16 units are tokenized at a time. Default: 32768. */
  readonly partLength?: number;
  /** The most units without a place to cut that are tokenized. Default: 2^24. */
  readonly mostLength?: number;
}

/**
 * Yields the tokens of a text that comes in pieces of valid UTF-8.
 *
 * @throws {RangeError} if there is no place to cut in `mostLength` units
 * @throws {TypeError} naming the place, if the tokenizer has no token for a part of the text
 */
export async function* documentTokens(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  encode: Encode,
  { place, partLength = 2 ** 15, mostLength = 2 ** 24 }: DocumentTokensOptions,
): AsyncGenerator<ArrayLike<number>> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const parts = new TextParts((text) => encodeAt(place, encode, text));
  let text = "";
  let wanted = partLength;
  for await (const piece of pieces) {
    text += decoder.decode(piece);
    while (text.length >= 2 * wanted) {
      const cut = parts.cut(text, { begin: wanted >> 1, end: wanted });
      const tokens = cut === undefined ? undefined : parts.take(text.slice(0, cut.at), cut);
      if (cut !== undefined && tokens !== undefined) {
        yield tokens;
        text = text.slice(cut.at);
        wanted = partLength;
        continue;
      }
      // A longer part may end at a better place.
      wanted *= 2;
      if (wanted <= mostLength) continue;
      throw new RangeError(
        `${place} has ${wanted} characters without a place where its tokens can be cut: break it into lines or words`,
      );
    }
  }
  const last = parts.take(text, undefined);
  if (last !== undefined) yield last;
  else {throw new RangeError(
      `${place} has tokens that depend on more than ${partLength} characters`,
    );}
  yield parts.rest;
}

function encodeAt(place: string, encode: Encode, text: string): ArrayLike<number> {
  try {
    return encode(text);
  } catch (cause) {
    throw new TypeError(
      `${place}: cannot tokenize the text near ${JSON.stringify(text.slice(0, 40))}: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { cause },
    );
  }
}

/** A verified place between two parts. */
interface Cut {
  readonly at: number;
  readonly before: Margin;
  readonly after: Margin;
}

interface Margin {
  readonly text: string;
  readonly tokens: ArrayLike<number>;
}

/** A part of the text, with the cuts at its ends; undefined at the start and the end of the document. */
interface Part {
  readonly text: string;
  readonly start: Cut | undefined;
  readonly end: Cut | undefined;
}

/** Tokenizes parts, and joins two where the cut between them proves wrong. */
class TextParts {
  readonly #encode: Encode;
  /** The latest part, whose end is not verified by the part after it, and its tokens. */
  #pending: { readonly part: Part; readonly tokens: readonly number[] } | undefined;

  constructor(encode: Encode) {
    this.#encode = encode;
  }

  /** The last place from `begin` to `end` where the margins' tokens say that the text may be cut. */
  cut(text: string, range: { readonly begin: number; readonly end: number }): Cut | undefined {
    let found: Cut | undefined;
    lastCut(text, { ...range, accepts: (at) => (found = this.#cutAt(text, at)) !== undefined });
    return found;
  }

  /** Adds the text up to `end`, or to the document's end; returns tokens that are certain, or undefined if `end` is no place to cut. */
  take(text: string, end: Cut | undefined): ArrayLike<number> | undefined {
    const before = this.#pending;
    const part = { text, start: before?.part.end, end };
    const tokens = this.#tokensOf(part);
    if (tokens !== undefined) {
      this.#pending = { part, tokens };
      return before?.tokens ?? [];
    }
    if (before === undefined) return undefined;
    // The cut before it may be the wrong one.
    const whole = { text: before.part.text + text, start: before.part.start, end };
    const joined = this.#tokensOf(whole);
    if (joined === undefined) return undefined;
    this.#pending = { part: whole, tokens: joined };
    return [];
  }

  /** The tokens of the latest part. */
  get rest(): ArrayLike<number> {
    return this.#pending?.tokens ?? [];
  }

  #cutAt(text: string, at: number): Cut | undefined {
    const { before, after } = margins(text, at);
    const own = this.#encode(before);
    const both = Array.from(this.#encode(before + after));
    if (!startsWith(both, own)) return undefined;
    const rest = both.slice(own.length);
    return { at, before: { text: before, tokens: own }, after: { text: after, tokens: rest } };
  }

  /** The tokens of a part between its cuts; undefined if one of the cuts is wrong. */
  #tokensOf({ text, start, end }: Part): number[] | undefined {
    const before = start?.before ?? NOTHING;
    const after = end?.after ?? NOTHING;
    const all = Array.from(this.#encode(before.text + text + after.text));
    const last = all.length - after.tokens.length;
    if (last < before.tokens.length) return undefined;
    if (!startsWith(all, before.tokens) || !startsWith(all.slice(last), after.tokens)) {
      return undefined;
    }
    return all.slice(before.tokens.length, last);
  }
}

function startsWith(all: readonly number[], start: ArrayLike<number>): boolean {
  if (start.length > all.length) return false;
  for (let k = 0; k < start.length; k++) if (all[k] !== start[k]) return false;
  return true;
}

const NOTHING: Margin = { text: "", tokens: [] };
