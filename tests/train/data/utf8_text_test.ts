// UTF-8 in chunks of any lengths: valid text comes out whole, and the first byte that is none is found.

import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8Chunks } from "../../../src/train/data/utf8_text.ts";

async function read(bytes: Uint8Array<ArrayBuffer>, lengths: readonly number[]): Promise<string> {
  async function* chunks() {
    let at = 0;
    for (const length of lengths) {
      yield await Promise.resolve(bytes.subarray(at, at + length));
      at += length;
    }
    yield bytes.subarray(at);
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  // Each chunk ends between characters, or its decoding throws.
  for await (const chunk of utf8Chunks(chunks(), "f")) text += decoder.decode(chunk);
  return text;
}

/** The position of the first byte that begins no character, by the table of the Unicode standard (3-7). */
function firstInvalid(bytes: Uint8Array): number | undefined {
  const isIn = (at: number, low: number, high: number) => bytes[at] >= low && bytes[at] <= high;
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at];
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    const length = lead < 0x80
      ? 1
      : lead < 0xc2
      ? 0
      : lead < 0xe0
      ? 2
      : lead < 0xf0
      ? 3
      : lead < 0xf5
      ? 4
      : 0;
    if (length === 0 || (length > 1 && !isIn(at + 1, low, high))) return at;
    for (let k = 2; k < length; k++) if (!isIn(at + k, 0x80, 0xbf)) return at;
    at += length;
  }
  return undefined;
}

const chunkLengths = fc.array(fc.nat(12), { maxLength: 40 });
const texts = fc.string({ unit: "binary", maxLength: 60 });

Deno.test("utf8Chunks() gives valid text back, however it is divided", async () => {
  await fc.assert(
    fc.asyncProperty(texts, chunkLengths, async (text, lengths) => {
      const bytes = new TextEncoder().encode(text);
      const wanted = text.startsWith("\ufeff") ? text.slice(1) : text;
      assert.equal(await read(bytes, lengths), wanted);
    }),
    { numRuns: 500 },
  );
});

Deno.test("utf8Chunks() names line and byte of the first that is no UTF-8, however it is divided", async () => {
  const insertions = fc.uint8Array({ minLength: 1, maxLength: 5 });
  let numInvalid = 0;
  await fc.assert(
    fc.asyncProperty(
      texts,
      insertions,
      fc.nat(),
      chunkLengths,
      async (text, wild, place, lengths) => {
        const clean = new TextEncoder().encode(`a${text.replaceAll("b", "\n")}`);
        const at = 1 + place % clean.length;
        const bytes = new Uint8Array([...clean.subarray(0, at), ...wild, ...clean.subarray(at)]);
        const invalid = firstInvalid(bytes);
        if (invalid === undefined) {
          await read(bytes, lengths);
          return;
        }
        numInvalid++;
        const line = 1 + bytes.subarray(0, invalid).filter((byte) => byte === 10).length;
        const hex = bytes[invalid].toString(16).padStart(2, "0");
        await assert.rejects(
          read(bytes, lengths),
          (error: Error) => error.message.startsWith(`f:${line}: byte ${invalid} (0x${hex})`),
        );
      },
    ),
    { numRuns: 1000 },
  );
  assert.ok(numInvalid > 300, `${numInvalid}`);
});

Deno.test("utf8Chunks() finds the first wrong byte in a long chunk", async () => {
  const bytes = new TextEncoder().encode("aé中🦀\n".repeat(20_000));
  for (const at of [1, 3, 11, 100_003, bytes.length - 1]) {
    const changed = Uint8Array.from(bytes);
    changed[at] = 0xff;
    const invalid = firstInvalid(changed)!;
    await assert.rejects(
      read(changed, []),
      (error: Error) => error.message.includes(`byte ${invalid} (`),
    );
  }
});
