// Kinds of records by the columns of JSON Lines, JSON, CSV and Parquet, and refusals.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { openData } from "../../../src/train/data/data_source.ts";
import { linesOf } from "../../../src/train/data/json_lines.ts";
import { goldenFolder } from "../../support/goldens.ts";
import { readAll, withFiles } from "../../support/train/data_files.ts";

const MESSAGES = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }];

function lines(...values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}

Deno.test("openData() finds the kind of records by their columns", async () => {
  const cases: [unknown, string, unknown][] = [
    [{ text: "a" }, "text", { text: "a" }],
    [{ prompt: "p", completion: "c", id: 1 }, "prompt-completion", {
      prompt: "p",
      completion: "c",
    }],
    [{ messages: MESSAGES }, "messages", { messages: MESSAGES }],
    [{ text: "a", label: 2 }, "labelled-text", { text: "a", pair: undefined, label: 2 }],
    [{ text: "a", text_pair: "b", label: "x" }, "labelled-text", {
      text: "a",
      pair: "b",
      label: "x",
    }],
    [{ sentence1: "a", sentence2: "b", label: 0.5 }, "labelled-text", {
      text: "a",
      pair: "b",
      label: 0.5,
    }],
    [{ sentence: "a", label: true }, "labelled-text", { text: "a", pair: undefined, label: 1 }],
    [{ text: "a", labels: ["x", "y"] }, "labelled-text", {
      text: "a",
      pair: undefined,
      label: ["x", "y"],
    }],
    [{ tokens: ["a", "b"], tags: ["O", "B"] }, "tagged-tokens", {
      tokens: ["a", "b"],
      tags: ["O", "B"],
    }],
    [{ tokens: ["a"], ner_tags: [3] }, "tagged-tokens", { tokens: ["a"], tags: [3] }],
    [{ input: "a", target: "b" }, "input-target", { input: "a", target: "b" }],
  ];
  for (const [value, kind, record] of cases) {
    await withFiles({ "a.jsonl": lines(value) }, async (folder) => {
      const found = await readAll(folder, ["a.jsonl"]);
      assert.deepEqual([found.kind, found.values], [kind, [record]]);
      assert.equal(found.records[0].place, "a.jsonl:1");
    });
  }
});

Deno.test("openData() reads the same records from JSON Lines, JSON, CSV, TSV, Parquet and gzip", async () => {
  const rows = [
    { text: 'one, "quoted"\nin two lines', label: 3 },
    { text: "zwei ö 🦀", label: 0 },
    { text: "", label: 12 },
  ];
  const csv = (delimiter: string) =>
    `text${delimiter}label\r\n` +
    rows.map(({ text, label }) => `"${text.replaceAll('"', '""')}"${delimiter}${label}\r\n`).join(
      "",
    );
  const parquet = new Uint8Array(parquetWriteBuffer({
    columnData: [
      { name: "text", data: rows.map(({ text }) => text), type: "STRING" },
      { name: "other", data: rows.map(() => 1.5), type: "DOUBLE" },
      { name: "label", data: rows.map(({ label }) => BigInt(label)), type: "INT64" },
    ],
    rowGroupSize: 2,
  }));
  const files: Record<string, string | Uint8Array> = {
    "a.jsonl": lines(...rows).replaceAll("\n", "\r\n\n"),
    "a.ndjson": lines(...rows).trimEnd(),
    "a.json": JSON.stringify(rows, null, 2),
    "lines.json": lines(...rows),
    "a.csv": csv(","),
    "semicolons.csv": csv(";"),
    "a.tsv": csv("\t"),
    "a.parquet": parquet,
    "a.jsonl.gz": new Uint8Array(gzipSync(lines(...rows))),
    "two.csv.gz": new Uint8Array(
      [csv(",").slice(0, 30), csv(",").slice(30)].flatMap((part) => [...gzipSync(part)]),
    ),
    "marked.csv": `\ufeff${csv(",")}`,
  };
  await withFiles(files, async (folder) => {
    const wanted = rows.map(({ text, label }) => ({ text, pair: undefined, label }));
    for (const name of Object.keys(files)) {
      const { kind, values } = await readAll(folder, [name]);
      assert.deepEqual([kind, values], ["labelled-text", wanted], name);
    }
    const all = await readAll(folder, ["."]);
    assert.equal(all.records.length, 3 * Object.keys(files).length);
  });
});

Deno.test("openData() names lines, rows and records", async () => {
  await withFiles({
    "a.jsonl": `{"text":"a"}\n\n  \n{"text":"b"}`,
    "a.csv": `text\na\n"b\nb"\nc\n`,
    "a.json": `[{"text":"a"},\n{"text":"b"}]`,
  }, async (folder) => {
    const places = async (name: string) =>
      (await readAll(folder, [name])).records.map(({ place }) => place);
    assert.deepEqual(await places("a.jsonl"), ["a.jsonl:1", "a.jsonl:4"]);
    assert.deepEqual(await places("a.csv"), ["a.csv:2", "a.csv:4", "a.csv:5"]);
    assert.deepEqual(await places("a.json"), ["a.json: record 1", "a.json: record 2"]);
  });
});

Deno.test("openData() takes the kind that the task wants, and ignores other columns", async () => {
  await withFiles({ "a.jsonl": lines({ text: "a", label: 1 }) }, async (folder) => {
    const { kind, values } = await readAll(folder, ["a.jsonl"], { kinds: ["text", "messages"] });
    assert.deepEqual([kind, values], ["text", [{ text: "a" }]]);
  });
});

Deno.test("openData() reads messages whose contents are parts of text, and refuses others", async () => {
  const parts = [{
    role: "user",
    content: [{ type: "text", text: "a" }, { type: "text", text: "b" }],
  }];
  const image = [{ role: "user", content: [{ type: "image", url: "x" }] }];
  await withFiles({
    "a.jsonl": lines({ messages: parts }),
    "b.jsonl": lines({ messages: MESSAGES }, { messages: image }),
    "c.jsonl": lines({ messages: [] }),
    "d.jsonl": lines({ messages: [null] }),
  }, async (folder) => {
    const { values } = await readAll(folder, ["a.jsonl"]);
    assert.deepEqual(values, [{ messages: [{ role: "user", content: "ab" }] }]);
    await assert.rejects(
      readAll(folder, ["b.jsonl"]),
      /b\.jsonl:2: the column "messages": wanted a list of messages .*; message 1 is, got .*image/,
    );
    await assert.rejects(readAll(folder, ["c.jsonl"]), /c\.jsonl:1: .* got \[\]/);
    await assert.rejects(readAll(folder, ["d.jsonl"]), /d\.jsonl:1: .* got null/);
  });
});

Deno.test("openData() refuses rows with the file, the line and what was wanted", async () => {
  const parquet = new Uint8Array(
    parquetWriteBuffer({ columnData: [{ name: "body", data: ["a"], type: "STRING" }] }),
  );
  const cases: Record<string, [string | Uint8Array, RegExp]> = {
    "bad.jsonl": [`{"text":"a"}\n{"text":}\n`, /bad\.jsonl:2: .*JSON.*every line must be one JSON/],
    "list.jsonl": ["[1]\n", /list\.jsonl:1: wanted an object .* got a list/],
    "null.jsonl": [`{"text":"a"}\nnull\n`, /null\.jsonl:2: wanted an object .* got null/],
    "other.jsonl": [
      `{"text":"a"}\n{"body":"b"}\n`,
      /other\.jsonl:2: the column "text": .* got nothing/,
    ],
    "number.jsonl": [`{"text":1}\n`, /number\.jsonl:1: the column "text": wanted a text, got 1/],
    "half.jsonl": [`{"text":"\\ud83d"}\n`, /half\.jsonl:1: the column "text": .*surrogate/],
    "columns.jsonl": [
      `{"body":"a","id":1}\n`,
      /columns\.jsonl has the columns body, id; wanted are messages .*prompt \+ completion/,
    ],
    "both.jsonl": [
      lines({ prompt: "a", completion: "b", messages: MESSAGES }),
      /both\.jsonl has the columns .*, which fit messages .* and prompt-completion .*leave/,
    ],
    "tags.jsonl": [lines({ tokens: ["a"], tags: [1, 2] }), /tags\.jsonl:1: 1 tokens and 2 tags/],
    "empty.jsonl": ["", /empty\.jsonl is empty/],
    "blank.jsonl": ["\n \n", /blank\.jsonl has no records/],
    "header.csv": ["text,label\n", /header\.csv has no records/],
    "twice.csv": ["text,label,text\na,1,b\n", /twice\.csv:1: two columns are called "text"/],
    "short.csv": ["text,label\na,1\nb\n", /short\.csv:3: .*[Cc]olumn/],
    "quote.csv": ['text,label\n"a,1\n', /quote\.csv:\d: .*[Qq]uote/],
    "label.csv": ["text,label\na,\n", /label\.csv:2: the column "label": wanted a name/],
    "cut.json": [`[{"text":"a"},{"text":`, /cut\.json: after 1 whole records/],
    "bad.json": [`[{"text":"a"},{"text":]`, /bad\.json: after 1 whole records: .*RIGHT_BRACKET|\]/],
    "numbers.json": ["[1, 2]", /numbers\.json: record 1: wanted an object .* got a number/],
    "none.json": ["[]", /none\.json has no records/],
    "none.parquet": ["no Parquet", /none\.parquet: .*it is no whole Parquet file/],
    "columns.parquet": [parquet, /columns\.parquet has the columns body; wanted/],
  };
  const files = Object.fromEntries(Object.entries(cases).map(([name, [text]]) => [name, text]));
  await withFiles(files, async (folder) => {
    for (const [name, [_, message]] of Object.entries(cases)) {
      await assert.rejects(readAll(folder, [name]), message, name);
    }
    await assert.rejects(readAll(folder, ["none.jsonl"]), /Cannot read .*none\.jsonl/);
  });
});

Deno.test("openData() refuses files of several kinds", async () => {
  await withFiles({
    "a.jsonl": lines({ text: "a" }),
    "b.jsonl": lines({ input: "a", target: "b" }),
    "c.txt": "c",
  }, async (folder) => {
    await assert.rejects(
      readAll(folder, ["a.jsonl", "b.jsonl"]),
      /a\.jsonl has text records and .*b\.jsonl input-target: give them apart/,
    );
    await assert.rejects(
      readAll(folder, ["a.jsonl", "c.txt"]),
      /found records and text, and one training reads one of them/,
    );
    await assert.rejects(
      readAll(folder, ["c.txt"], { kinds: ["labelled-text"] }),
      /c\.txt is read as text by its name, and wanted is records: JSONL, JSON, CSV or Parquet files/,
    );
  });
});

Deno.test("openData() names the compression of Parquet that it cannot unpack", async () => {
  const bytes = new Uint8Array(parquetWriteBuffer({
    columnData: [{ name: "text", data: ["a", "b"], type: "STRING" }],
    codec: "LZO" as "SNAPPY",
    compressors: { LZO: (input: Uint8Array) => input } as never,
  }));
  await withFiles({ "a.parquet": bytes }, async (folder) => {
    await assert.rejects(
      readAll(folder, ["a.parquet"]),
      /a\.parquet: the column "text" is compressed as LZO; .*SNAPPY.* can be read/,
    );
  });
});

Deno.test("openData() reads a line of JSON of 8 MB that comes in many chunks", async () => {
  const text = "Zeile ö\n".repeat(2 ** 20);
  await withFiles({ "a.jsonl": lines({ text }, { text: "b" }) }, async (folder) => {
    const { values } = await readAll(folder, ["a.jsonl"]);
    assert.ok((values[0] as { text: string }).text === text);
    assert.deepEqual(values[1], { text: "b" });
  });
});

Deno.test("linesOf() names a line that is too long for a string", async () => {
  async function* chunks() {
    for (let k = 0; k < 10; k++) yield await Promise.resolve(new TextEncoder().encode("a\nbcdef"));
  }
  const read = (mostLength: number) =>
    Array.fromAsync(linesOf(chunks(), { path: "x.jsonl", mostLength }));
  assert.equal((await read(10)).length, 11);
  await assert.rejects(read(4), /x\.jsonl:2: the line is longer than 4 characters/);
});

Deno.test("records() closes its file when they are not read to the end", async () => {
  // The leak sanitizer fails this test if a file stays open.
  const row = `${"some text ".repeat(20)},1\n`;
  const line = `{"text":"${"some text ".repeat(20)}","label":1}\n`;
  await withFiles({
    "a.csv": `text,label\n${row.repeat(8000)}`,
    "a.jsonl": line.repeat(8000),
    "a.jsonl.gz": new Uint8Array(gzipSync(line.repeat(8000))),
    "a.json": `[${Array(8000).fill(line).join(",")}]`,
  }, async (folder) => {
    for (const name of ["a.csv", "a.jsonl", "a.jsonl.gz", "a.json"]) {
      await using source = await openData([`${folder}/${name}`]);
      for await (const { place } of source.records()) {
        assert.match(place, /a\.(csv:2|jsonl(\.gz)?:1|json: record 1)$/);
        break;
      }
    }
  });
});

Deno.test("openData() reads Parquet as pyarrow writes it, with every compression", async () => {
  const labelled = (text: string, label: unknown, pair?: string) => ({ text, pair, label });
  const expected: Record<string, readonly [string, readonly unknown[]]> = {
    messages_gzip: ["messages", [
      {
        messages: [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hellö" }],
      },
      { messages: [{ role: "user", content: "A" }] },
    ]],
    labels_brotli: ["labelled-text", [labelled("a", ["x", "y"]), labelled("b", [])]],
    tags_snappy: ["tagged-tokens", [
      { tokens: ["a", "b"], tags: [0, 3] },
      { tokens: ["c"], tags: [1] },
    ]],
    pairs_zstd: ["labelled-text", [0, 1, 2, 3, 4].map((k) => labelled("a", k / 4, "b"))],
    texts_lz4: ["text", [0, 1, 0, 1, 0].map((k) => ({ text: `text ${k} 🦀` }))],
  };
  for (const [name, wanted] of Object.entries(expected)) {
    const { kind, values } = await readAll(`${goldenFolder}/parquet`, [`${name}.parquet`]);
    assert.deepEqual([kind, values], wanted, name);
  }
  await assert.rejects(
    readAll(`${goldenFolder}/parquet`, ["missing_none.parquet"]),
    /missing_none\.parquet: row 2: the column "prompt": wanted a text, got null/,
  );
});
