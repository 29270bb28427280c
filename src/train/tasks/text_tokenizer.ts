// A tokenizer as tasks need it: tokens of a text alone, and the special tokens that the model expects around a text, or two.
//
//   one text     before  text  after                     [CLS] text [SEP]
//   two texts    before  text  between  other  after     [CLS] text [SEP] other [SEP]
//
// Texts are tokenized without special tokens, which are put around them here, so that a text can be cut to the model's length and keep
// what is around it.

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { disk } from "../../checkpoint/disk.ts";
import { readTokenizer } from "../tokenizer.ts";

/** Special tokens around one text, or two. */
export interface SurroundingTokens {
  readonly before: readonly number[];
  /** Empty around one text. */
  readonly between: readonly number[];
  readonly after: readonly number[];
  /** The type of the tokens of each part, in their order: before, text, between, other, after. */
  readonly types: readonly number[];
}

/** Converts texts to the tokens that a model expects. */
export interface TextTokenizer {
  /** For messages: "bytes", or its path. */
  readonly name: string;
  /** One more than the largest token. */
  readonly vocabularySize: number;
  /** The tokens of a text, without special tokens around it. @throws {TypeError} if there is none for a part of it */
  encode(text: string): number[];
  /** The text of tokens, without special ones. */
  decode(tokens: readonly number[]): string;
  /** What is around one text. */
  readonly single: SurroundingTokens;
  /** What is around two; undefined if it takes no pairs. */
  readonly pair: SurroundingTokens | undefined;
  /** All special tokens. */
  readonly special: ReadonlySet<number>;
  /** Special tokens by their purpose; undefined if there is none. */
  readonly tokens: { readonly end: number | undefined; readonly mask: number | undefined };
}

const NOTHING: SurroundingTokens = { before: [], between: [], after: [], types: [0, 0, 0, 0, 0] };

/** A token per byte, and no special ones. */
export const byteTexts: TextTokenizer = {
  name: "bytes",
  vocabularySize: 256,
  encode: (text) => [...new TextEncoder().encode(text)],
  decode: (tokens) => new TextDecoder().decode(Uint8Array.from(tokens)),
  single: NOTHING,
  pair: undefined,
  special: new Set(),
  tokens: { end: undefined, mask: undefined },
};

/**
 * Reads a tokenizer.json, and the settings beside it, as {@linkcode readTokenizer}.
 *
 * @throws {Error} naming the file, if it cannot be read or is no tokenizer
 */
export async function readTextTokenizer(path: string): Promise<TextTokenizer> {
  const plain = await readTokenizer(path);
  const settings = {
    ...await settingsBeside(path, "special_tokens_map.json"),
    ...await settingsBeside(path, "tokenizer_config.json"),
  };
  const tokenizer = new HuggingFaceTokenizer(JSON.parse(await disk.readText(path)), settings);
  const named = (name: string) => {
    const given = settings[`${name}_token`];
    const content = (given as { readonly content?: unknown } | null | undefined)?.content ?? given;
    return typeof content === "string" ? tokenizer.token_to_id(content) : undefined;
  };
  const tokens = {
    end: plain.end,
    mask: named("mask") ?? tokenizer.token_to_id("[MASK]") ?? tokenizer.token_to_id("<mask>"),
  };
  const added = [...tokenizer.get_added_tokens_decoder()].filter(([, { special }]) => special);
  const all = [...added.map(([id]) => id), ...Object.values(tokens), ...NAMES.map(named)];
  const encode = (text: string) => Array.from(plain.encodeText(text));
  return {
    name: plain.name,
    vocabularySize: plain.vocabularySize,
    encode,
    decode: (ids) =>
      ids.length === 0 ? "" : tokenizer.decode([...ids], {
        skip_special_tokens: true,
        clean_up_tokenization_spaces: false,
      }),
    ...surroundingTokens(tokenizer, encode),
    special: new Set(all.filter((id) => id !== undefined)),
    tokens,
  };
}

/** Special tokens of tokenizer_config.json. */
const NAMES = ["bos", "eos", "pad", "cls", "sep"];

async function settingsBeside(
  path: string,
  name: string,
): Promise<Readonly<Record<string, unknown>>> {
  const beside = path.replace(/[^/\\]*$/, name);
  return await disk.has(beside) ? JSON.parse(await disk.readText(beside)) : {};
}

/** Finds what the tokenizer puts around texts, from a short one and a pair of it. */
function surroundingTokens(
  tokenizer: HuggingFaceTokenizer,
  encode: (text: string) => number[],
): Pick<TextTokenizer, "single" | "pair"> {
  const text = encode(SHORT);
  const typed = (pair: string | null) => {
    const { ids, token_type_ids: types } = tokenizer.encode(SHORT, {
      text_pair: pair,
      return_token_type_ids: true,
    });
    return { ids, typeAt: (at: number) => types?.[at] ?? 0 };
  };
  const one = typed(null);
  const begin = indexOfRun(one.ids, text, 0);
  if (begin < 0) {
    throw new TypeError("it tokenizes a text among special tokens in another way than alone");
  }
  const end = begin + text.length;
  const single = {
    before: one.ids.slice(0, begin),
    between: [],
    after: one.ids.slice(end),
    types: [one.typeAt(0), one.typeAt(begin), 0, 0, one.typeAt(end)],
  };
  const two = typed(SHORT);
  const first = indexOfRun(two.ids, text, 0);
  const middle = first + text.length;
  const other = first < 0 ? -1 : indexOfRun(two.ids, text, middle);
  if (other < 0) return { single, pair: undefined };
  const last = other + text.length;
  const pair = {
    before: two.ids.slice(0, first),
    between: two.ids.slice(middle, other),
    after: two.ids.slice(last),
    types: [0, first, middle, other, last].map(two.typeAt),
  };
  return { single, pair };
}

/** A text of which every tokenizer makes tokens that are not special. */
const SHORT = "a";

/** The index, from `from` on, at which `run` is in `all`; -1 if it is not. */
function indexOfRun(all: readonly number[], run: readonly number[], from: number): number {
  return all.findIndex((_, at) =>
    at >= from && at + run.length <= all.length && run.every((id, k) => all[at + k] === id)
  );
}
