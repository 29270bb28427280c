// A tokenizer.json of each kind that models use, with small vocabularies: regular expressions before byte-level BPE, SentencePiece as
// BPE and as Unigram, WordPiece; and one that no model uses, whose tokens go over the ends of words.

import { byteLetters } from "./small_tokenizer.ts";

/** The kinds by name. */
export function tokenizerKinds(): Record<string, string> {
  return {
    "GPT-2": byteLevel({
      type: "ByteLevel",
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    }),
    "Llama 3": byteLevel(splitBy(LLAMA3)),
    "Qwen2": byteLevel(splitBy(QWEN2), { type: "NFC" }),
    "o200k": byteLevel(splitBy(O200K)),
    "Llama 2": sentencePieceBpe(["t h", "th e", "▁ the", "▁ ▁", "▁▁ ▁▁", "i n", "e r", ", ▁"]),
    "T5": unigram(),
    "BERT": wordPiece(),
    "tokens over words": sentencePieceBpe(["n ▁", "n▁ i", "e ▁", "e▁ r", "a i", "a a", "aa aa"]),
  };
}

function json(parts: Readonly<Record<string, unknown>>): string {
  const added_tokens = [
    { id: 60_000, content: "</s>", special: true, normalized: false },
    { id: 60_001, content: "<mask>", special: true, normalized: false, lstrip: true, rstrip: true },
  ];
  return JSON.stringify({ version: "1.0", added_tokens, post_processor: null, ...parts });
}

function bpe(
  letters: readonly string[],
  merges: readonly string[],
  settings: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const tokens = [...letters, ...merges.map((pair) => pair.replace(" ", ""))];
  const vocab = Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]));
  return { type: "BPE", vocab, merges, unk_token: null, byte_fallback: false, ...settings };
}

function splitBy(regex: string): Readonly<Record<string, unknown>> {
  return {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  };
}

function byteLevel(
  preTokenizer: Readonly<Record<string, unknown>>,
  normalizer: Readonly<Record<string, unknown>> | null = null,
): string {
  const merges = [
    "t h",
    "th e",
    "Ġ the",
    "Ġ Ġ",
    "ĠĠ ĠĠ",
    "Ċ Ċ",
    "č Ċ",
    "a a",
    "aa aa",
    "1 2",
    "1 9",
    "è ¡",
  ];
  return json({
    normalizer,
    pre_tokenizer: preTokenizer,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: bpe(byteLetters(), merges),
  });
}

function sentencePieceBpe(merges: readonly string[]): string {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`);
  const letters = [..."▁abcdefghijklmnopqrstuvwxyzTIA.,;()\n中文字"];
  return json({
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    decoder: null,
    model: bpe(["<unk>", ...bytes, ...letters], merges, {
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: true,
    }),
  });
}

function unigram(): string {
  const pieces: [string, number][] = [
    ["<unk>", 0],
    ...[..."▁abcdefghijklmnopqrstuvwxyzTIA.,;()中文"].map((
      letter,
    ): [string, number] => [letter, -9]),
    ["▁the", -3],
    ["the", -4],
    ["in", -4],
    ["▁in", -3.5],
    ["ing", -4.5],
    ["aa", -6],
    ["aaa", -7],
    ["中文", -5],
  ];
  return json({
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFKC" },
        { type: "Strip", strip_left: false, strip_right: true },
        { type: "Replace", pattern: { Regex: " {2,}" }, content: "▁" },
      ],
    },
    pre_tokenizer: {
      type: "Metaspace",
      replacement: "▁",
      prepend_scheme: "always",
      split: true,
    },
    decoder: null,
    model: { type: "Unigram", unk_id: 0, vocab: pieces },
  });
}

function wordPiece(): string {
  const letters = [..."abcdefghijklmnopqrstuvwxyz0123456789.,;()'中文"];
  const tokens = [
    "[UNK]",
    ...letters,
    ...letters.map((letter) => `##${letter}`),
    "the",
    "##ing",
    "in",
  ];
  return json({
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    },
  });
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const O200K =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
  "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
