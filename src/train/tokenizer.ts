// Tokenizers: one token per byte, or a tokenizer.json of Hugging Face. No special tokens are added, as models continue text here and
// answer no prompts.

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { disk } from "../checkpoint/disk.ts";
import { requireNoPointer } from "../checkpoint/lfs_pointer.ts";
import { parsePythonJson } from "../models/config/config_text.ts";

/** A sequence of tokens, in the smallest type that the vocabulary fits. */
export type Tokens =
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

/** Converts between text and tokens. */
export interface Tokenizer {
  /** For messages: "bytes", or its path. */
  readonly name: string;
  /** One more than the largest token. */
  readonly vocabularySize: number;
  /** The tokens of UTF-8 text. @throws {TypeError} if it is no UTF-8, or the tokenizer has no token for a part of it. */
  encode(text: Uint8Array<ArrayBuffer>): Tokens;
  /** The tokens of a text, as numbers. @throws {TypeError} if the tokenizer has no token for a part of it. */
  encodeText(text: string): ArrayLike<number>;
  /** The token that ends a document; undefined if there is none. */
  readonly end: number | undefined;
  /** Whether tokens in the midst of a text depend on where it begins, so that a text cannot be tokenized in parts. */
  readonly needsWholeText: boolean;
  /** SHA-256 of everything that determines it. */
  readonly digest: string;
  /** The text of tokens; invalid UTF-8, such as half a character, becomes U+FFFD. */
  decode(tokens: readonly number[]): string;
}

/** A token for every byte: a vocabulary of 256, for any file. */
export const byteTokenizer: Tokenizer = {
  name: "bytes",
  vocabularySize: 256,
  encode: (text) => text,
  encodeText: (text) => new TextEncoder().encode(text),
  end: undefined,
  needsWholeText: false,
  digest: "bytes",
  decode: (tokens) => new TextDecoder().decode(Uint8Array.from(tokens)),
};

/**
 * Reads a tokenizer.json, and the tokenizer_config.json beside it if there is one.
 *
 * @throws {Error} naming the file, if it cannot be read or is no tokenizer.
 */
export async function readTokenizer(path: string): Promise<Tokenizer> {
  try {
    if (!await disk.has(path)) throw new Error(NO_TOKENIZER);
    const text = await disk.readText(path);
    requireNoPointer(text, path);
    const settings = JSON.parse(text);
    requireIds(settings);
    const config = await textBeside(path, "tokenizer_config.json") ?? "{}";
    const tokenizer = new HuggingFaceTokenizer(settings, JSON.parse(config));
    return {
      ...withVocabulary(tokenizer, path),
      end: await endToken(tokenizer, path, JSON.parse(config)),
      needsWholeText: JSON.stringify(settings.pre_tokenizer ?? null).includes('"FixedLength"'),
      digest: await sha256(`${text}\0${config}`),
    };
  } catch (cause) {
    throw new Error(
      `Cannot read the tokenizer ${path}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

/** @throws {TypeError} naming a token of the vocabulary whose id is none: it would become another's */
function requireIds(settings: { readonly model?: { readonly vocab?: unknown } } | null): void {
  const vocabulary = settings?.model?.vocab ?? {};
  // In a list of tokens ids are positions.
  if (Array.isArray(vocabulary)) return;
  for (const [text, id] of Object.entries(vocabulary)) {
    if (Number.isInteger(id) && id >= 0 && id < MAX_TOKENS) continue;
    throw new TypeError(
      `the token ${
        JSON.stringify(text)
      } has the id ${id}, and ids are integers from 0 to below ${MAX_TOKENS}`,
    );
  }
}

/** The token that ends a text, of tokenizer_config.json, special_tokens_map.json or config.json. */
async function endToken(
  tokenizer: HuggingFaceTokenizer,
  path: string,
  config: Settings,
): Promise<number | undefined> {
  for (const settings of [config, await settingsBeside(path, "special_tokens_map.json")]) {
    const { eos_token: given } = settings;
    const content = (given as { readonly content?: unknown } | null | undefined)?.content ?? given;
    const id = typeof content === "string" ? tokenizer.token_to_id(content) : undefined;
    if (id !== undefined) return id;
  }
  const { eos_token_id: id } = await settingsBeside(path, "config.json");
  const [first] = Array.isArray(id) ? id : [id];
  return typeof first === "number" && tokenizer.id_to_token(first) !== undefined
    ? first
    : undefined;
}

type Settings = Readonly<Record<string, unknown>>;

async function settingsBeside(path: string, name: string): Promise<Settings> {
  return parsePythonJson(await textBeside(path, name) ?? "{}") as Settings;
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

function withVocabulary(
  tokenizer: HuggingFaceTokenizer,
  path: string,
): Pick<Tokenizer, "name" | "vocabularySize" | "encode" | "encodeText" | "decode"> {
  let vocabularySize = 0;
  for (const token of tokenizer.get_vocab().values()) {
    vocabularySize = Math.max(vocabularySize, token + 1);
  }
  if (vocabularySize === 0) throw new TypeError("it has no tokens");
  const TokenArray = vocabularySize <= 2 ** 16 ? Uint16Array : Uint32Array;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const encodeText = (text: string): number[] => {
    const { ids, tokens } = tokenizer.encode(text, { add_special_tokens: false });
    const unknown = ids.findIndex((id) => !Number.isInteger(id));
    if (unknown >= 0) {
      throw new TypeError(`${path} has no token for ${JSON.stringify(tokens[unknown])}`);
    }
    // An id that the vocabulary lacks would become another in a smaller type.
    const stray = ids.findIndex((id) => id < 0 || id >= vocabularySize);
    if (stray < 0) return ids;
    throw new TypeError(
      `${path} gives ${JSON.stringify(tokens[stray])} the id ${
        ids[stray]
      }, and its vocabulary ends at ${vocabularySize - 1}`,
    );
  };
  return {
    name: path,
    vocabularySize,
    encode: (bytes) => TokenArray.from(encodeText(decoder.decode(bytes))),
    encodeText,
    decode: (tokens) => tokenizer.decode([...tokens]),
  };
}

/** No model has as many tokens, and u32 holds every id. */
const MAX_TOKENS = 2 ** 31;

/** The text of a file in the folder of `path`; undefined if there is none. */
async function textBeside(path: string, name: string): Promise<string | undefined> {
  const beside = path.replace(/[^/\\]*$/, name);
  return await disk.has(beside) ? await disk.readText(beside) : undefined;
}

/** What is wrong where there is no tokenizer.json. */
export const NO_TOKENIZER =
  'there is no such file; give another tokenizer.json with --tokenizer, or "bytes" for a token per byte';
