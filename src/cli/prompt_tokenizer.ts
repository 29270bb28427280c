// The tokenizer of prompts: as transformers tokenizes them, with the special tokens that the model expects around a text.

import { Tokenizer } from "@huggingface/tokenizers";
import { disk } from "../checkpoint/disk.ts";
import { NO_TOKENIZER } from "../train/tokenizer.ts";

/** Converts prompts to tokens, and new tokens to text. */
export interface PromptTokenizer {
  /** Tokens of a text, with special tokens around it. */
  encode(text: string): number[];
  /** Tokens of a text that names its special tokens itself, as a chat template does. */
  encodeRendered(text: string): number[];
  /** The text of tokens, without special ones; half a character becomes U+FFFD. */
  decode(tokens: readonly number[]): string;
  /** The token that ends a message of a chat, if there is one. */
  readonly endToken: number | undefined;
}

/** A token per byte. */
export const bytePrompts: PromptTokenizer = {
  encode: (text) => [...new TextEncoder().encode(text)],
  encodeRendered: (text) => [...new TextEncoder().encode(text)],
  decode: (tokens) => new TextDecoder().decode(Uint8Array.from(tokens)),
  endToken: undefined,
};

/** Reads a tokenizer.json, and tokenizer_config.json beside it. @throws {Error} naming the file, if it cannot be read */
export async function readPromptTokenizer(path: string): Promise<PromptTokenizer> {
  try {
    if (!await disk.has(path)) throw new Error(NO_TOKENIZER);
    const beside = path.replace(/[^/\\]*$/, "tokenizer_config.json");
    const config = await disk.has(beside) ? JSON.parse(await disk.readText(beside)) : {};
    const tokenizer = new Tokenizer(JSON.parse(await disk.readText(path)), config);
    const end = config.eos_token?.content ?? config.eos_token;
    const encode = (text: string, { special }: { readonly special: boolean }) => {
      const { ids, tokens } = tokenizer.encode(text, { add_special_tokens: special });
      const unknown = ids.findIndex((id) => !Number.isInteger(id));
      if (unknown === -1) return ids;
      throw new TypeError(`${path} has no token for ${JSON.stringify(tokens[unknown])}`);
    };
    return {
      encode: (text) => encode(text, { special: true }),
      encodeRendered: (text) => encode(text, { special: false }),
      decode: (tokens) =>
        tokens.length === 0 ? "" : tokenizer.decode([...tokens], {
          skip_special_tokens: true,
          clean_up_tokenization_spaces: false,
        }),
      endToken: typeof end === "string" ? tokenizer.token_to_id(end) : undefined,
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new Error(`Cannot read the tokenizer ${path}: ${reason}`, { cause });
  }
}
