// A tokenizer.json as GPT-2's is, of bytes and a few pairs of them.

/** Its text. */
export function smallTokenizerJson(): string {
  const bytes = byteLetters();
  const pairs = ["t h", "th e", "i n", "e r", "Ġ the", "a n"];
  const tokens = [...bytes, ...pairs.map((pair) => pair.replace(" ", ""))];
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
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

/** 256 bytes and 6 pairs. */
export const SMALL_VOCABULARY = 262;

/** The letter that stands for each byte in GPT-2's vocabulary: itself where it is printed, else one from U+0100 on. */
function byteLetters(): string[] {
  const isPrinted = (byte: number) =>
    byte >= 33 && byte <= 126 || byte >= 161 && byte <= 172 || byte >= 174;
  let next = 256;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCodePoint(isPrinted(byte) ? byte : next++),
  );
}
