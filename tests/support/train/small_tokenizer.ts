// A tokenizer.json like GPT-2's, with bytes and a few merges.

/** Its text; `special` tokens have the ids after `SMALL_VOCABULARY`. */
export function smallTokenizerJson(special: readonly string[] = []): string {
  const bytes = byteLetters();
  const pairs = ["t h", "th e", "i n", "e r", "Ġ the", "a n"];
  const tokens = [...bytes, ...pairs.map((pair) => pair.replace(" ", ""))];
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map((content, k) => ({
      id: tokens.length + k,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: pairs,
    },
  });
}

/** 256 bytes and 6 merges. */
export const SMALL_VOCABULARY = 262;

/** The character of each byte in GPT-2's vocabulary: itself if it is printable, else one from U+0100 on. */
export function byteLetters(): string[] {
  const isPrinted = (byte: number) =>
    byte >= 33 && byte <= 126 || byte >= 161 && byte <= 172 || byte >= 174;
  let next = 256;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCodePoint(isPrinted(byte) ? byte : next++),
  );
}
