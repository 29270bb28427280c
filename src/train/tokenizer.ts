// Tokenizers: one token per byte, or a tokenizer.json of Hugging Face. No special tokens are added, as models continue text here and
// answer no prompts.

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { disk } from "../checkpoint/disk.ts";
import { requireNoPointer } from "../checkpoint/lfs_pointer.ts";

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
  /** The text of tokens; invalid UTF-8, such as half a character, becomes U+FFFD. */
  decode(tokens: readonly number[]): string;
}

/** A token for every byte: a vocabulary of 256, for any file. */
export const byteTokenizer: Tokenizer = {
  name: "bytes",
  vocabularySize: 256,
  encode: (text) => text,
  decode: (tokens) => new TextDecoder().decode(Uint8Array.from(tokens)),
};

/**
 * Reads a tokenizer.json, and the tokenizer_config.json beside it if there is one.
 *
 * @throws {Error} naming the file, if it cannot be read or is no tokenizer.
 */
export async function readTokenizer(path: string): Promise<Tokenizer> {
  try {
    const text = await disk.readText(path);
    requireNoPointer(text, path);
    const settings = JSON.parse(text);
    requireIds(settings);
    const config = await textBeside(path, "tokenizer_config.json");
    const tokenizer = new HuggingFaceTokenizer(
      settings,
      config === undefined ? {} : JSON.parse(config),
    );
    return withVocabulary(tokenizer, path);
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

function withVocabulary(tokenizer: HuggingFaceTokenizer, path: string): Tokenizer {
  let vocabularySize = 0;
  for (const token of tokenizer.get_vocab().values()) {
    vocabularySize = Math.max(vocabularySize, token + 1);
  }
  if (vocabularySize === 0) throw new TypeError("it has no tokens");
  const TokenArray = vocabularySize <= 2 ** 16 ? Uint16Array : Uint32Array;
  return {
    name: path,
    vocabularySize,
    encode(bytes) {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      const { ids, tokens } = tokenizer.encode(text, { add_special_tokens: false });
      const unknown = ids.findIndex((id) => !Number.isInteger(id));
      if (unknown >= 0) {
        throw new TypeError(`${path} has no token for ${JSON.stringify(tokens[unknown])}`);
      }
      // An id that the vocabulary lacks would become another in a smaller type.
      const stray = ids.findIndex((id) => id < 0 || id >= vocabularySize);
      if (stray < 0) return TokenArray.from(ids);
      throw new TypeError(
        `${path} gives ${JSON.stringify(tokens[stray])} the id ${
          ids[stray]
        }, and its vocabulary ends at ${vocabularySize - 1}`,
      );
    },
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
