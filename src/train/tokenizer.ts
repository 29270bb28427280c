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
      if (unknown === -1) return TokenArray.from(ids);
      throw new TypeError(`${path} has no token for ${JSON.stringify(tokens[unknown])}`);
    },
    decode: (tokens) => tokenizer.decode([...tokens]),
  };
}

/** The text of a file in the folder of `path`; undefined if there is none. */
async function textBeside(path: string, name: string): Promise<string | undefined> {
  const beside = path.replace(/[^/\\]*$/, name);
  return await disk.has(beside) ? await disk.readText(beside) : undefined;
}
