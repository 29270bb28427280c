// Tokenizers: bytes, and a tokenizer.json.

import assert from "node:assert/strict";
import { byteTokenizer, readTokenizer, type Tokenizer } from "../../src/train/tokenizer.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { SMALL_VOCABULARY, smallTokenizerJson } from "../support/train/small_tokenizer.ts";

const TEXT =
  "In the beginning there was the tokenizer.\n\nAnd then, hinter dem Zaun: die Wörter,\n" +
  "the  rain\n  in 1999\r\nand «others» 🦀 than that";

async function withTokenizer(
  body: (tokenizer: Tokenizer, folder: string) => void | Promise<void>,
  json: string = smallTokenizerJson(),
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/tokenizer.json`, json);
    await body(await readTokenizer(`${folder}/tokenizer.json`), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function encoded(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

Deno.test("byteTokenizer encodes any bytes as themselves", () => {
  const bytes = Uint8Array.of(104, 105, 0, 255);
  assertSameBits(byteTokenizer.encode(bytes), bytes);
  assert.equal(byteTokenizer.decode([104, 105]), "hi");
  assert.equal(byteTokenizer.vocabularySize, 256);
});

Deno.test("readTokenizer() reads a tokenizer.json, and decode() returns what was encoded", async () => {
  await withTokenizer((tokenizer) => {
    assert.equal(tokenizer.vocabularySize, SMALL_VOCABULARY);
    // "the" is a token of two merges, " the" another.
    assertSameBits(tokenizer.encode(encoded("the the")), [257, 260]);
    const tokens = tokenizer.encode(encoded(TEXT));
    assert.ok(tokens instanceof Uint16Array);
    assert.ok(tokens.length < encoded(TEXT).length);
    assert.equal(tokenizer.decode([...tokens]), TEXT);
  });
});

Deno.test("readTokenizer() names the file that is not a tokenizer", async () => {
  await assert.rejects(readTokenizer("/no/such.json"), /Cannot read the tokenizer \/no\/such.json/);
  for (const json of ["{", "{}", '{"model": {"type": "BPE", "vocab": {}, "merges": []}}', "[1]"]) {
    await assert.rejects(
      withTokenizer(() => {}, json),
      /Cannot read the tokenizer .*tokenizer\.json: \S/,
      json,
    );
  }
});

Deno.test("readTokenizer() refuses ids that no vocabulary has, which would become others", async () => {
  for (const id of [2 ** 40, 2 ** 32 + 1, -1, 1.5]) {
    const settings = JSON.parse(smallTokenizerJson());
    settings.model.vocab.the = id;
    await assert.rejects(
      withTokenizer(() => {}, JSON.stringify(settings)),
      (error: Error) => error.message.includes(`the token "the" has the id ${id}, and ids are`),
    );
  }
});
