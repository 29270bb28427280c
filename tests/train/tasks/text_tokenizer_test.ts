import assert from "node:assert/strict";
import { byteTexts, readTextTokenizer } from "../../../src/train/tasks/text_tokenizer.ts";
import { SMALL_VOCABULARY, smallTokenizerJson } from "../../support/train/small_tokenizer.ts";
import {
  smallWordPieceJson,
  WORDPIECE_CONFIG,
  WORDPIECE_VOCABULARY,
  wordPieceId,
} from "../../support/train/small_wordpiece.ts";
import { withFolder } from "../../support/temporary_folder.ts";

const ids = (...tokens: string[]) => tokens.map(wordPieceId);

Deno.test("a BERT tokenizer has its special tokens around one text and around two, with types", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/tokenizer.json`, smallWordPieceJson());
    await Deno.writeTextFile(`${folder}/tokenizer_config.json`, JSON.stringify(WORDPIECE_CONFIG));
    const tokenizer = await readTextTokenizer(`${folder}/tokenizer.json`);
    assert.equal(tokenizer.vocabularySize, WORDPIECE_VOCABULARY);
    assert.deepEqual(tokenizer.encode("The film!"), ids("the", "film", "!"));
    assert.deepEqual(tokenizer.single, {
      before: ids("[CLS]"),
      between: [],
      after: ids("[SEP]"),
      types: [0, 0, 0, 0, 0],
    });
    assert.deepEqual(tokenizer.pair, {
      before: ids("[CLS]"),
      between: ids("[SEP]"),
      after: ids("[SEP]"),
      types: [0, 0, 0, 1, 1],
    });
    assert.deepEqual([...tokenizer.special].toSorted(), [0, 1, 2, 3, 4]);
    assert.deepEqual(tokenizer.tokens, { mask: 4, end: undefined });
    assert.equal(tokenizer.decode(ids("[CLS]", "the", "film", "[SEP]")), "the film");
  });
});

Deno.test("a GPT-2 tokenizer and bytes put nothing around a text", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/tokenizer.json`, smallTokenizerJson(["<|end|>"]));
    await Deno.writeTextFile(
      `${folder}/tokenizer_config.json`,
      JSON.stringify({ eos_token: { content: "<|end|>" } }),
    );
    const tokenizer = await readTextTokenizer(`${folder}/tokenizer.json`);
    assert.deepEqual([tokenizer.single.before, tokenizer.single.after], [[], []]);
    assert.equal(tokenizer.pair, undefined);
    assert.equal(tokenizer.tokens.end, SMALL_VOCABULARY);
    assert.deepEqual([...tokenizer.special], [SMALL_VOCABULARY]);
    assert.deepEqual([byteTexts.single.before, byteTexts.encode("é")], [[], [0xc3, 0xa9]]);
  });
});

Deno.test("a tokenizer that cannot be read is named", async () => {
  await assert.rejects(
    readTextTokenizer("/no/such/tokenizer.json"),
    /Cannot read the tokenizer \/no\/such\/tokenizer\.json: /,
  );
});
