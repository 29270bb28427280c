// Tokenization: bytes, a tokenizer.json, pieces, and held-out tokens.

import assert from "node:assert/strict";
import { byteTokenizer, readTokenizer, type Tokenizer } from "../../src/train/tokenizer.ts";
import { readTokens, splitTail, tokenize } from "../../src/train/tokens.ts";
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
  assertSameBits(tokenize(bytes, { tokenizer: byteTokenizer }), bytes);
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

Deno.test("tokenize() in pieces that end after letters gives the tokens of the whole text", async () => {
  await withTokenizer((tokenizer) => {
    const text = encoded("the rain in the ocean\n\nand in the\n  other  \nhinterland\n".repeat(20));
    const whole = tokenize(text, { tokenizer });
    for (const pieceBytes of [60, 61, 100, 999]) {
      assertSameBits(tokenize(text, { tokenizer, pieceBytes }), whole);
    }
  });
});

Deno.test("tokenize() splits no character, wherever a piece must end", async () => {
  await withTokenizer((tokenizer) => {
    const text = encoded("🦀ö".repeat(20));
    for (const pieceBytes of [4, 5, 6, 7]) {
      const tokens = tokenize(text, { tokenizer, pieceBytes });
      assert.equal(tokenizer.decode([...tokens]), "🦀ö".repeat(20));
    }
  });
});

Deno.test("tokenize() refuses bytes that are not UTF-8, with their position", async () => {
  await withTokenizer((tokenizer) => {
    const text = Uint8Array.from([...encoded("a\n".repeat(8)), 0xff, 0xfe]);
    assert.throws(
      () => tokenize(text, { tokenizer, pieceBytes: 5 }),
      /Cannot tokenize the text from byte 13 on: .*not valid/,
    );
  });
});

Deno.test("readTokens() joins files in the order given", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/a`, "one ");
    await Deno.writeTextFile(`${folder}/b`, "two");
    const tokens = await readTokens([`${folder}/b`, `${folder}/a`], byteTokenizer);
    assert.equal(byteTokenizer.decode([...tokens]), "twoone ");
    await assert.rejects(readTokens([`${folder}/none`], byteTokenizer), /Cannot read .*none/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
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

Deno.test("splitTail() holds out the last tenth and refuses too little text with numbers", () => {
  const tokens = Uint8Array.from({ length: 100 }, (_, k) => k);
  const { train, heldOut } = splitTail(tokens, { context: 9 });
  assertSameBits([...train, ...heldOut], tokens);
  assert.equal(heldOut.length, 10);
  assert.throws(
    () => splitTail(tokens, { context: 10 }),
    /Cannot train on 100 tokens with windows of 10: .* at least 110 are needed/,
  );
});
