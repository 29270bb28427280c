// The tokens of documents in parts are those of the whole text.

import assert from "node:assert/strict";
import fc from "fast-check";
import { Tokenizer } from "@huggingface/tokenizers";
import {
  documentTokens,
  type DocumentTokensOptions,
} from "../../../src/train/data/document_tokens.ts";
import { tokenizerKinds } from "../../support/train/tokenizer_kinds.ts";

const PROSE =
  "The rain in Spain, they say, stays in the plain; then again... in 1999 (and 2012345) it's rained there. ";

/** Texts that are hard to cut. */
const TEXTS: Record<string, string> = {
  prose: PROSE.repeat(60),
  lines: "the rain in the ocean\n\nand in the\n  other  \nhinterland\n".repeat(80),
  CRLF: "the one\r\n\r\nthe other\r\n  and more\t\r\n".repeat(100),
  blanks: ("the" + " ".repeat(70) + "thing\n" + "\n".repeat(9) + "\t".repeat(300) + "in ").repeat(
    15,
  ),
  Chinese: "中文文字，中文字中文。文字（文）中文……文字、中文字：12345中文！\n".repeat(120),
  "Chinese without signs": "中文文字中文字中文文字文".repeat(200),
  code: 'function theThing(a_b, in1) {\n    if (a_b["the"] !== 0x1F) { return in1++; }\n}\n\n'
    .repeat(60),
  "code without blanks": "var the=function(a,b){return a+b*in12[3]};the(1,2);x='aa'+\"in\";".repeat(
    100,
  ),
  "one character": "a".repeat(5000),
  "one blank": " ".repeat(5000) + "in",
  digits: "1234567".repeat(600),
  emoji: "🦀👩‍👩‍👧 the 🇩🇪🇫🇷é̂ in ".repeat(200),
  "emoji alone": "🦀👍🏽".repeat(700),
  accents: "Übergröße naïve e\u0301\u0302 İstanbul ΟΔΟΣ ὈΔΥΣΣΕΎΣ the ".repeat(100),
  mixed: (PROSE + "中文，🦀\r\n\r\n" + "a".repeat(700) + " \t\n" + "()".repeat(150)).repeat(6),
};

function encoderOf(json: string) {
  const tokenizer = new Tokenizer(JSON.parse(json), {});
  return (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
}

async function inParts(
  text: string,
  encode: (text: string) => number[],
  options: Partial<DocumentTokensOptions> = {},
) {
  const bytes = new TextEncoder().encode(text);
  async function* pieces() {
    for (let begin = 0; begin < bytes.length;) {
      let end = Math.min(bytes.length, begin + 997);
      while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end--;
      yield await Promise.resolve(bytes.subarray(begin, end));
      begin = end;
    }
  }
  let longest = 0;
  const measured = (text: string) => {
    longest = Math.max(longest, text.length);
    return encode(text);
  };
  const tokens: number[] = [];
  for await (
    const part of documentTokens(pieces(), measured, {
      place: "a.txt",
      partLength: 700,
      ...options,
    })
  ) {
    for (const token of Array.from(part)) tokens.push(token);
  }
  return { tokens, longest };
}

for (const [kind, json] of Object.entries(tokenizerKinds())) {
  Deno.test(`documentTokens() gives the tokens of the whole text, as tokenizers like ${kind} do`, async () => {
    const encode = encoderOf(json);
    for (const [name, text] of Object.entries(TEXTS)) {
      const whole = encode(text);
      const { tokens, longest } = await inParts(text, encode);
      assert.ok(whole.length > 0, name);
      assert.deepEqual(tokens, whole, name);
      // All but the last are cut at words.
      const isCut = ["prose", "lines", "CRLF", "code", "accents"].includes(name);
      if (isCut && kind !== "tokens over words") {
        assert.ok(longest < 3000, `${name}: ${longest} units of ${text.length} at a time`);
      }
    }
  });
}

Deno.test("documentTokens() cuts Chinese and code without blanks at signs", async () => {
  const encode = encoderOf(tokenizerKinds()["Llama 3"]);
  for (const name of ["Chinese", "code without blanks", "mixed"]) {
    const { longest } = await inParts(TEXTS[name], encode);
    assert.ok(longest < 4000, `${name}: ${longest} of ${TEXTS[name].length}`);
  }
});

/** Tokens of words, which depend on the end of the run of words that they are in: whether it is z. */
function wordsByEnd(text: string): number[] {
  return text.split(/(?<=[|z])/).flatMap((run) =>
    run.split(/(?= )/).map((word) => word.length + (run.endsWith("z") ? 1000 : 0))
  );
}

Deno.test("documentTokens() joins two parts where the later one shows that the cut between them is wrong", async () => {
  const runs = (length: number) =>
    Array.from(
      { length: 40 },
      (_, k) => "ab cde f ".repeat(length / 9) + (k % 3 === 0 ? " z" : " |"),
    );
  const text = runs(540).join("");
  assert.deepEqual((await inParts(text, wordsByEnd)).tokens, wordsByEnd(text));
  // Where more than two parts would have to be joined, it is an error, and no other tokens.
  await assert.rejects(
    inParts(runs(5400).join(""), wordsByEnd),
    /a\.txt has tokens that depend on more than 700 characters|without a place/,
  );
});

Deno.test("documentTokens() takes a longer part where the text before shows that a cut is wrong", async () => {
  // After x, words have other tokens until y.
  const encode = (text: string) =>
    text.split(/(?<=[xy])/).flatMap((run, k, all) =>
      run.split(/(?= )/).map((word) => word.length + (all[k - 1]?.endsWith("x") ? 1000 : 0))
    );
  const text = ("ab cde f ".repeat(30) + "x" + " abc de".repeat(220) + " y").repeat(8);
  const { tokens, longest } = await inParts(text, encode);
  assert.deepEqual(tokens, encode(text));
  assert.ok(longest < text.length);
});

Deno.test("documentTokens() refuses a text without a place to cut, and what has no token", async () => {
  const encode = encoderOf(tokenizerKinds()["GPT-2"]);
  await assert.rejects(
    inParts("a".repeat(20_000), encode, { mostLength: 4000 }),
    /a\.txt has 5600 characters without a place where its tokens can be cut: break it into lines/,
  );
  const refuse = () => {
    throw new TypeError("no token for a crab");
  };
  await assert.rejects(
    inParts("🦀 on the beach", refuse),
    /a\.txt: cannot tokenize the text near "🦀 on the beach": no token for a crab/,
  );
});

Deno.test("documentTokens() of nothing are none", async () => {
  const { tokens } = await inParts("", encoderOf(tokenizerKinds()["GPT-2"]));
  assert.deepEqual(tokens, []);
});

Deno.test("documentTokens() gives the tokens of the whole text, whatever the text", async () => {
  const fragments = fc.constantFrom(
    ...[
      "the ",
      "in",
      " ",
      "  ",
      "\n",
      "\r\n",
      "\t",
      "a",
      "aa",
      "1",
      "12",
      "1999",
      ".",
      ",",
      "'",
      "'s",
      "_",
      "-",
    ],
    ...[
      "é",
      "e\u0301",
      "ß",
      "Σ",
      "中",
      "文",
      "，",
      "🦀",
      "👩‍👩‍👧",
      "\u00a0",
      "\u200b",
      "\u3000",
      "(",
      ")",
      "\u2581",
      "</s>",
      "<mask>",
    ],
  );
  const runs = fc.tuple(
    fc.array(fragments, { minLength: 1, maxLength: 12 }),
    fc.integer({ min: 1, max: 30 }),
  )
    .map(([parts, times]) => parts.join("").repeat(times));
  const texts = fc.array(runs, { minLength: 1, maxLength: 30 }).map((parts) => parts.join(""));
  for (const [kind, json] of Object.entries(tokenizerKinds())) {
    const encode = encoderOf(json);
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 600, max: 2000 }), async (text, partLength) => {
        const { tokens } = await inParts(text, encode, { partLength });
        assert.deepEqual(tokens, encode(text), kind);
      }),
      { numRuns: NUM_RUNS },
    );
  }
});

const NUM_RUNS = 15;
