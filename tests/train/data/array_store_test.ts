// Stored numbers and rows: the same in memory and in files.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  ArrayWriter,
  openStoredArray,
  type StoredType,
  type StorePlace,
  typeForCount,
} from "../../../src/train/data/array_store.ts";
import { SequenceWriter } from "../../../src/train/data/sequence_store.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { withFolder } from "../../support/temporary_folder.ts";

const TYPES: readonly StoredType[] = ["u8", "u16", "u32", "f32", "f64"];

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, k) => (k * 37 + (k >> 8)) % 251);
}

/** Appends `values` in parts of unlike lengths, as arrays and typed arrays. */
function written<Type extends StoredType>(
  type: Type,
  values: readonly number[],
  place: StorePlace,
) {
  const writer = new ArrayWriter(type, place);
  let length = 1;
  for (let at = 0; at < values.length; at += length) {
    length = (length * 7) % 9973;
    const part = values.slice(at, at + length);
    writer.append(length % 2 === 0 ? part : Uint8Array.from(part));
  }
  assert.equal(writer.length, values.length);
  return writer.finish();
}

Deno.test("ArrayWriter gives back what was appended, from memory, a temporary file or a file", async () => {
  const values = numbers(300_000);
  await withFolder((folder) => {
    for (const type of TYPES) {
      const places = [{}, { memoryBytes: 1000 }, { path: `${folder}/${type}` }];
      const digests = places.map((place, k) => {
        using stored = written(type, values, place);
        assert.equal(stored.isInFile, k > 0);
        assert.equal(stored.length, values.length);
        for (const [begin, end] of [[0, 10], [131_070, 262_150], [299_999, 300_000], [5, 5]]) {
          assertSameBits(stored.read(begin, end), values.slice(begin, end));
        }
        assert.throws(() => stored.read(0, 300_001), /Cannot read 0 to 300001 of 300000/);
        return stored.sha256;
      });
      const bytes = new Uint8Array(Deno.readFileSync(`${folder}/${type}`));
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      assert.deepEqual(digests, [sha256, sha256, sha256]);
      const facts = { type, length: values.length, sha256 };
      using opened = openStoredArray(`${folder}/${type}`, facts);
      assertSameBits(opened.read(1000, 1003), values.slice(1000, 1003));
      assert.throws(
        () => openStoredArray(`${folder}/${type}`, { ...facts, length: 7 }),
        /bytes, wanted/,
      );
    }
    return Promise.resolve();
  });
});

Deno.test("ArrayWriter with nothing appended gives an empty array", () => {
  using stored = new ArrayWriter("u16").finish();
  assert.equal(stored.length, 0);
  assert.equal(stored.read(0, 0).length, 0);
});

Deno.test("ArrayWriter leaves no temporary file behind", () => {
  const countFiles = () =>
    [...Deno.readDirSync(Deno.env.get("TMPDIR") ?? "/tmp")]
      .filter(({ name }) => name.startsWith("meshfactor-data-")).length;
  const before = countFiles();
  using _stored = written("u8", numbers(5000), { memoryBytes: 0 });
  using unfinished = new ArrayWriter("u8", { memoryBytes: 0 });
  unfinished.append(new Uint8Array(2 ** 20));
  assert.equal(countFiles(), before);
});

Deno.test("typeForCount() gives the smallest type", () => {
  const types = [1, 256, 257, 65_536, 65_537].map(typeForCount);
  assert.deepEqual(types, ["u8", "u8", "u16", "u16", "u32"]);
});

Deno.test("SequenceWriter gives back rows of unlike lengths, with all of their fields", () => {
  const rows = Array.from({ length: 500 }, (_, k) => ({
    tokens: numbers((k * 13) % 40).map((value) => value * 300),
    isLearned: numbers((k * 13) % 40).map((value) => value % 2),
    labels: [k / 3],
  }));
  const fields = { tokens: "u32", isLearned: "u8", labels: "f64" } as const;
  const digests = [{}, { memoryBytes: 0 }].map((place) => {
    using writer = new SequenceWriter(fields, place);
    for (const row of rows) writer.append(row);
    using stored = writer.finish();
    assert.equal(stored.length, rows.length);
    for (const [k, row] of rows.entries()) {
      const { tokens, isLearned, labels } = stored.row(k);
      assertSameBits(tokens, row.tokens);
      assertSameBits(isLearned, row.isLearned);
      assertSameBits(labels, row.labels);
      assert.equal(stored.lengthOf(k, "tokens"), row.tokens.length);
      assertSameBits(stored.read(k, "tokens"), row.tokens);
    }
    assert.throws(() => stored.row(500), RangeError);
    return stored.sha256;
  });
  assert.equal(digests[0], digests[1]);
});

Deno.test("rows that are divided in another way have another digest", () => {
  const digest = (...rows: readonly number[][]) => {
    using writer = new SequenceWriter({ tokens: "u8" });
    for (const tokens of rows) writer.append({ tokens });
    using stored = writer.finish();
    return stored.sha256;
  };
  assert.notEqual(digest([1, 2], [3]), digest([1], [2, 3]));
  assert.notEqual(digest([1, 2], [3]), digest([1, 2, 3]));
  assert.equal(digest([1, 2], [3]), digest([1, 2], [3]));
});
