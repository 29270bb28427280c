// The tokens of all documents of a source as one sequence, each document followed by the token that ends a text, if the tokenizer has
// one:
//
//   [ document </s> document </s> ... document </s> ]
//
// Small data is tokenized by every rank into memory. Larger data goes into a file of the cache, under a key of the files' names, sizes and
// times of change and of the tokenizer: one rank of a machine tokenizes, the others read the same file, and the next training, too.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { byteTokenizer, type Tokenizer } from "../tokenizer.ts";
import {
  ArrayWriter,
  openStoredArray,
  type StoredArray,
  storedLength,
  typeForCount,
} from "./array_store.ts";
import { openCached } from "./data_cache.ts";
import type { DataSource, TextDocument } from "./data_source.ts";
import { documentTokens } from "./document_tokens.ts";

/** Tokens in the smallest type that the vocabulary fits, in memory or in a file. */
export type TokenStore = StoredArray<"u8" | "u16" | "u32">;

/** Options of {@linkcode tokenizeData}. */
export interface TokenizeOptions {
  /** Larger data, in bytes of its files, goes into the cache. Default: 16 MiB. */
  readonly memoryBytes?: number;
  /** A folder. Default: that of the user. */
  readonly cache?: string;
  /** Called with the number of tokens every `progressMs`, also while another process tokenizes the same data. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
  /** Milliseconds. Default: 5000. */
  readonly progressMs?: number;
}

/**
 * The tokens of a source of texts, which the caller disposes of.
 *
 * @throws {Error} naming file and line of what cannot be read or has no token
 */
export async function tokenizeData(
  source: DataSource<"text">,
  tokenizer: Tokenizer,
  { memoryBytes = 2 ** 24, cache, progressMs = 5000, ...options }: TokenizeOptions = {},
): Promise<TokenStore> {
  const type = typeForCount(tokenizer.vocabularySize);
  const onProgress = limited(options.onProgress, progressMs);
  const size = source.files.reduce((total, file) => total + file.size, 0);
  if (size <= memoryBytes || source.isTemporary) {
    using writer = new ArrayWriter(type);
    await writeTokens(writer, { source, tokenizer, onProgress });
    return writer.finish();
  }
  const key = createHash("sha256")
    .update(
      JSON.stringify([FORMAT, await source.identity(), tokenizer.digest, tokenizer.end ?? null]),
    );
  return await openCached({
    key: `tokens-${key.digest("hex").slice(0, 40)}`,
    make: async (folder) => {
      using writer = new ArrayWriter(type, { path: join(folder, "tokens.bin") });
      await writeTokens(writer, { source, tokenizer, onProgress });
      using stored = writer.finish();
      const { length, sha256 } = stored;
      await Deno.writeTextFile(
        join(folder, "tokens.json"),
        JSON.stringify({ type, length, sha256 }),
      );
    },
    open: async (folder): Promise<TokenStore> => {
      const facts = JSON.parse(await Deno.readTextFile(join(folder, "tokens.json")));
      return openStoredArray(join(folder, "tokens.bin"), { ...facts, type });
    },
    onWaiting: (folder) => onProgress(storedLength(join(folder, "tokens.bin"), type)),
  }, cache);
}

/** Calls `report` when `everyMs` have passed since the beginning or the last call. */
function limited(
  report: ((tokens: number) => void) | undefined,
  everyMs: number,
): (tokens: number) => void {
  if (report === undefined) return () => {};
  let last = performance.now();
  return (tokens) => {
    const now = performance.now();
    if (now - last < everyMs) return;
    last = now;
    report(tokens);
  };
}

async function writeTokens(
  writer: ArrayWriter<"u8" | "u16" | "u32">,
  { source, tokenizer, onProgress }: {
    readonly source: DataSource<"text">;
    readonly tokenizer: Tokenizer;
    readonly onProgress: (tokens: number) => void;
  },
): Promise<void> {
  for await (const document of source.documents()) {
    for await (const tokens of tokensOf(document, tokenizer)) {
      writer.append(tokens);
      onProgress(writer.length);
    }
    if (tokenizer.end !== undefined) writer.append([tokenizer.end]);
  }
}

function tokensOf(
  { place, pieces }: TextDocument,
  tokenizer: Tokenizer,
): AsyncIterable<ArrayLike<number>> {
  if (tokenizer === byteTokenizer) return pieces;
  const parts = tokenizer.needsWholeText ? { partLength: Infinity } : {};
  return documentTokens(pieces, (text) => tokenizer.encodeText(text), { place, ...parts });
}

/** To be changed when the same files and tokenizer give other tokens. */
const FORMAT = 1;
