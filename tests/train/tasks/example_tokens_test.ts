// The tokens of examples, and what of them is a target.

import assert from "node:assert/strict";
import { chatTemplate } from "../../../src/train/chat_template.ts";
import {
  chatTokens,
  endedTokens,
  promptTokens,
  surroundedTokens,
  wordTokens,
} from "../../../src/train/tasks/example_tokens.ts";
import { readTextTokenizer, type TextTokenizer } from "../../../src/train/tasks/text_tokenizer.ts";
import { SMALL_VOCABULARY, smallTokenizerJson } from "../../support/train/small_tokenizer.ts";
import {
  smallWordPieceJson,
  WORDPIECE_CONFIG,
  wordPieceId,
} from "../../support/train/small_wordpiece.ts";
import { withFolder } from "../../support/temporary_folder.ts";

const CHATML = "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + " +
  "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const [START, END] = [SMALL_VOCABULARY, SMALL_VOCABULARY + 1];

async function withTokenizer(
  json: string,
  config: object,
  body: (tokenizer: TextTokenizer) => Promise<void> | void,
): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/tokenizer.json`, json);
    await Deno.writeTextFile(`${folder}/tokenizer_config.json`, JSON.stringify(config));
    await body(await readTextTokenizer(`${folder}/tokenizer.json`));
  });
}

function withByteTokenizer(body: (tokenizer: TextTokenizer) => void): Promise<void> {
  const json = smallTokenizerJson(["<|im_start|>", "<|im_end|>"]);
  return withTokenizer(json, { eos_token: "<|im_end|>" }, body);
}

function withWordPieces(body: (tokenizer: TextTokenizer) => void): Promise<void> {
  return withTokenizer(smallWordPieceJson(), WORDPIECE_CONFIG, body);
}

const ids = (...tokens: string[]) => tokens.map(wordPieceId);

Deno.test("of a prompt and its completion the completion and the end token are targets", async () => {
  await withByteTokenizer((tokenizer) => {
    const record = { prompt: "Q: in\nA:", completion: " the end" };
    const { tokens, isTarget, isCut } = promptTokens(record, { tokenizer, context: 99 });
    assert.equal(tokenizer.decode(tokens.filter((_, k) => isTarget[k])), " the end");
    assert.equal(tokenizer.decode(tokens), "Q: in\nA: the end");
    assert.deepEqual([tokens.at(-1), isTarget.at(-1), isCut], [END, true, false]);
    const cut = promptTokens(record, { tokenizer, context: 9 });
    assert.deepEqual(cut.tokens, tokens.slice(0, 9));
    assert.deepEqual([cut.isTarget, cut.isCut], [isTarget.slice(0, 9), true]);
  });
});

Deno.test("of a chat the assistant's words and the token that ends them are targets, and no line break after it", async () => {
  await withByteTokenizer((tokenizer) => {
    const template = chatTemplate(CHATML);
    const messages = [
      { role: "user", content: "the?" },
      { role: "assistant", content: "\nin" },
      { role: "user", content: "er" },
      { role: "assistant", content: "an " },
    ];
    const { tokens, isTarget } = chatTokens(messages, { tokenizer, template, context: 999 });
    const runs: number[][] = [];
    isTarget.forEach((is, k) => {
      if (is && !isTarget[k - 1]) runs.push([]);
      if (is) runs.at(-1)!.push(tokens[k]);
    });
    assert.deepEqual(runs, [
      [...tokenizer.encode("\nin"), END],
      [...tokenizer.encode("an "), END],
    ]);
    assert.equal(tokens[0], START);
    assert.deepEqual(tokens, tokenizer.encode(template.renderWhole(messages)));
  });
});

Deno.test("texts and pairs have BERT's special tokens and types; the longer of two is cut", async () => {
  await withWordPieces((tokenizer) => {
    const one = surroundedTokens({ text: "good film" }, { tokenizer, context: 9 });
    assert.deepEqual(one, {
      tokens: ids("[CLS]", "good", "film", "[SEP]"),
      types: undefined,
      isCut: false,
    });
    const cut = surroundedTokens({ text: "good good film" }, { tokenizer, context: 4 });
    assert.deepEqual([cut.tokens, cut.isCut], [ids("[CLS]", "good", "good", "[SEP]"), true]);
    const pair = { text: "good film in paris", pair: "bad rain" };
    const whole = surroundedTokens(pair, { tokenizer, context: 9 });
    assert.deepEqual(
      whole.tokens,
      ids("[CLS]", "good", "film", "in", "paris", "[SEP]", "bad", "rain", "[SEP]"),
    );
    assert.deepEqual(whole.types, [0, 0, 0, 0, 0, 0, 1, 1, 1]);
    const shorter = surroundedTokens(pair, { tokenizer, context: 6 });
    assert.deepEqual(shorter.tokens, ids("[CLS]", "good", "film", "[SEP]", "bad", "[SEP]"));
    assert.ok(shorter.isCut);
    const eight = surroundedTokens(pair, { tokenizer, context: 8 });
    assert.deepEqual(
      eight.tokens,
      ids("[CLS]", "good", "film", "in", "[SEP]", "bad", "rain", "[SEP]"),
    );
  });
  await withByteTokenizer((tokenizer) => {
    assert.throws(
      () => surroundedTokens({ text: "a", pair: "b" }, { tokenizer, context: 9 }),
      /takes no pairs of texts/,
    );
  });
});

Deno.test("the first token of every word has its label", async () => {
  await withWordPieces((tokenizer) => {
    const { tokens, words, isCut } = wordTokens(["Anna", "ox", "Paris"], { tokenizer, context: 9 });
    assert.deepEqual(tokens, ids("[CLS]", "anna", "o", "##x", "paris", "[SEP]"));
    assert.deepEqual(words, [undefined, 0, 1, undefined, 2, undefined]);
    assert.equal(isCut, false);
    const cut = wordTokens(["Anna", "ox", "Paris"], { tokenizer, context: 4 });
    assert.deepEqual(cut.tokens, ids("[CLS]", "anna", "o", "[SEP]"));
    assert.deepEqual([cut.words, cut.isCut], [[undefined, 0, 1, undefined], true]);
  });
});

Deno.test("a text of a T5 ends with its end token, once, and is cut before it", async () => {
  await withByteTokenizer((tokenizer) => {
    const text = tokenizer.encode("in the");
    const options = { tokenizer, context: 99, end: END };
    assert.deepEqual(endedTokens("in the", options).tokens, [...text, END]);
    assert.deepEqual(endedTokens("in the", { ...options, context: 2 }), {
      tokens: [text[0], END],
      isCut: true,
    });
  });
  await withWordPieces((tokenizer) => {
    const { tokens } = endedTokens("good", { tokenizer, context: 9, end: 7 });
    assert.deepEqual(tokens, ids("[CLS]", "good", "[SEP]"));
  });
});
