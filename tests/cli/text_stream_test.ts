import assert from "node:assert/strict";
import { TextStream } from "../../src/cli/text_stream.ts";
import { RandomSource } from "../../src/nn/philox.ts";

const encode = (text: string) => [...new TextEncoder().encode(text)];
const decode = (tokens: readonly number[]) => new TextDecoder().decode(Uint8Array.from(tokens));

/** The pieces of a text whose tokens are bytes. */
function piecesOf(tokens: readonly number[], options: object = {}): string[] {
  const stream = new TextStream({ decode, ...options });
  return [...tokens.map((token) => stream.push(token)), stream.finish()];
}

Deno.test("TextStream cuts no character, and gives all of the text", () => {
  const text = "añ世界👩‍🚀 ends";
  const pieces = piecesOf(encode(text));
  assert.equal(pieces.join(""), text);
  assert.ok(pieces.every((piece) => !piece.includes("\uFFFD")));
  assert.equal(pieces.filter((piece) => piece !== "").length, [...text].length);
});

Deno.test("TextStream gives what is no UTF-8, at the end and within, as U+FFFD", () => {
  const half = encode("世").slice(0, 2);
  assert.equal(piecesOf([97, ...half]).join(""), "a\uFFFD");
  assert.equal(piecesOf([97, ...half, 98]).join(""), "a\uFFFDb");
  const broken = new Array<number>(9).fill(0xff);
  const pieces = piecesOf([...broken, 97]);
  assert.equal(pieces.join(""), `${"\uFFFD".repeat(9)}a`);
  assert.ok(pieces.slice(0, 9).join("").length > 0, "it is not held back for ever");
});

Deno.test("TextStream keeps the blank before the first token, which a decoder drops at the start of a text", () => {
  const words = ["▁The", "▁end", "▁of", "▁it"];
  const sentencePiece = (tokens: readonly number[]) =>
    tokens.map((token) => words[token]).join("").replaceAll("▁", " ").replace(/^ /, "");
  const stream = new TextStream({ decode: sentencePiece, context: [0] });
  assert.deepEqual([1, 2, 3].map((token) => stream.push(token)), [" end", " of", " it"]);
  const alone = new TextStream({ decode: sentencePiece });
  assert.deepEqual([0, 1, 2].map((token) => alone.push(token)), ["The", " end", " of"]);
});

Deno.test("TextStream ends before a stop text, of which it gives no part", () => {
  const stream = new TextStream({ decode, stop: ["END", "\n\n"] });
  const pieces = encode("an ENDING\nand ENE END of it").map((token) => stream.push(token));
  assert.equal(pieces.join("") + stream.finish(), "an ");
  assert.ok(stream.isStopped);
  assert.equal(piecesOf(encode("E EN\nENE"), { stop: ["END", "\n\n"] }).join(""), "E EN\nENE");
  assert.equal(piecesOf(encode("a\n\nb"), { stop: ["END", "\n\n"] }).join(""), "a");
  assert.equal(piecesOf(encode("aab"), { stop: ["ab"] }).join(""), "a");
});

Deno.test("TextStream gives the text before a stop text of random letters, in pieces", () => {
  const random = new RandomSource(2).stream();
  for (let run = 0; run < 200; run++) {
    const letter = (at: number) => "abé"[Math.floor(3 * random.uniform(100 * run + at))];
    const text = Array.from({ length: 30 }, (_, at) => letter(at)).join("");
    const stop = Array.from({ length: 3 }, (_, at) => letter(50 + at)).join("");
    const at = text.indexOf(stop);
    assert.equal(
      piecesOf(encode(text), { stop: [stop] }).join(""),
      at < 0 ? text : text.slice(0, at),
    );
  }
});
