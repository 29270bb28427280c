// A tokenizer.json like BERT's, with letters, digits and a few words.

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const WORDS = ["the", "good", "bad", "film", "paris", "in", "lives", "anna", "rain", "sun"];
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz0123456789.,!?"];
const TOKENS = [...SPECIAL, ...WORDS, ...LETTERS, ...LETTERS.map((each) => `##${each}`)];

/** Number of its tokens. */
export const WORDPIECE_VOCABULARY = TOKENS.length;

/** The id of a token. */
export function wordPieceId(token: string): number {
  return TOKENS.indexOf(token);
}

/** Its text. */
export function smallWordPieceJson(): string {
  const special = (token: string) => ({ SpecialToken: { id: token, type_id: 0 } });
  const ofType = (id: "A" | "B", type: number) => ({ Sequence: { id, type_id: type } });
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [special("[CLS]"), ofType("A", 0), special("[SEP]")],
      pair: [
        special("[CLS]"),
        ofType("A", 0),
        special("[SEP]"),
        ofType("B", 1),
        { SpecialToken: { id: "[SEP]", type_id: 1 } },
      ],
      special_tokens: Object.fromEntries(
        ["[CLS]", "[SEP]"].map((id) => [id, { id, ids: [TOKENS.indexOf(id)], tokens: [id] }]),
      ),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(TOKENS.map((token, id) => [token, id])),
    },
  });
}

/** Its tokenizer_config.json. */
export const WORDPIECE_CONFIG = {
  tokenizer_class: "BertTokenizer",
  do_lower_case: true,
  unk_token: "[UNK]",
  sep_token: "[SEP]",
  pad_token: "[PAD]",
  cls_token: "[CLS]",
  mask_token: "[MASK]",
};
