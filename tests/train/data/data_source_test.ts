// Files and folders as data: which are read, which are left out, and what is text.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { openData } from "../../../src/train/data/data_source.ts";
import { describeLeftOut } from "../../../src/train/data/left_out.ts";
import { readAll, withFiles } from "../../support/train/data_files.ts";

function utf16(text: string, isLittleEndian: boolean): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(2 * text.length));
  for (let k = 0; k < text.length; k++) bytes.setUint16(2 * k, text.charCodeAt(k), isLittleEndian);
  return new Uint8Array(bytes.buffer);
}

async function textsIn(folder: string, paths = ["."]): Promise<string[]> {
  return (await readAll(folder, paths)).documents.map(({ text }) => text);
}

Deno.test("openData() reads the texts of a folder in the order of their names, target and pkg too", async () => {
  await withFiles({
    "b/second.md": "two",
    "a.md": "one",
    "c": "three",
    "pkg/x.rs": "four",
    "target/x": "five",
    "node_modules/x.js": "six",
    "package.json": "{}",
  }, async (folder) => {
    assert.deepEqual(await textsIn(folder), ["one", "two", "three", "six", "{}", "four", "five"]);
  });
});

Deno.test("openData() follows links, but not in circles, and reads no file twice", async () => {
  await withFiles({ "a.txt": "a", "in/b.txt": "b", "other/c.txt": "c" }, async (folder) => {
    await Deno.symlink("../in", `${folder}/in/again`);
    await Deno.symlink("../in", `${folder}/other/in`);
    await Deno.symlink("a.txt", `${folder}/z.txt`);
    await Deno.symlink("nowhere", `${folder}/y.txt`);
    const { documents, leftOut } = await readAll(folder, ["."]);
    assert.deepEqual(documents.map(({ place }) => place), [
      "a.txt",
      "in/b.txt",
      "other/c.txt",
    ]);
    assert.deepEqual(leftOut, {
      "links to a folder that they are in": "2: in/again other/in/again",
      "other names of a file that is read": "2: other/in/b.txt z.txt",
      "broken links": "1: y.txt",
    });
  });
});

Deno.test("openData() names what it leaves out of a folder, with counts and reasons", async () => {
  await withFiles({
    "a.txt": "a",
    ".hidden": "h",
    ".git/x": "h",
    "nul.bin": Uint8Array.of(65, 0, 66),
    "p.png": Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13),
    "q.pdf": "%PDF-1.7 ...",
    "e.txt": "",
    "z.txt.gz": new Uint8Array(gzipSync("unpacked")),
  }, async (folder) => {
    assert.equal((await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output()).code, 0);
    const { documents, leftOut } = await readAll(folder, ["."]);
    assert.deepEqual(documents.map(({ text }) => text), ["a", "unpacked"]);
    assert.deepEqual(leftOut, {
      hidden: "2: .git .hidden",
      "pipes, sockets and devices": "1: fifo",
      empty: "1: e.txt",
      "binary (NUL bytes)": "1: nul.bin",
      images: "1: p.png",
      PDF: "1: q.pdf",
    });
    await assert.rejects(readAll(folder, ["fifo"]), /fifo: it is a pipe or a device; give "-"/);
    await assert.rejects(readAll(folder, ["nul.bin"]), /nul\.bin is no text: binary \(NUL bytes\)/);
  });
  const leftOut = { reason: "hidden", count: 7, examples: [".a", ".b"] };
  assert.equal(describeLeftOut(leftOut), "7 left out (hidden): .a, .b, ...");
});

Deno.test("openData() takes records, texts or images of a folder, as the task wants", async () => {
  await withFiles({
    "README.md": "about",
    "train.jsonl": `{"text":"a"}\n`,
    "cat/1.png": Uint8Array.of(0x89, 0x50, 0x4e, 0x47),
    "dog/2.JPG": Uint8Array.of(0xff, 0xd8, 0xff),
  }, async (folder) => {
    const any = await readAll(folder, ["."]);
    assert.deepEqual([any.kind, any.values], ["text", [{ text: "a" }]]);
    assert.deepEqual(any.leftOut, {
      "not JSONL, JSON, CSV or Parquet files": "3: README.md cat/1.png dog/2.JPG",
    });
    const images = await readAll(folder, ["."], { kinds: ["image"] });
    assert.deepEqual(images.records.map(({ place, label }) => [place, label]), [
      ["cat/1.png", "cat"],
      ["dog/2.JPG", "dog"],
    ]);
    await assert.rejects(
      readAll(folder, ["cat"], { kinds: ["labelled-text"] }),
      /: no files to read; 1 left out \(no data of the kind that is wanted\): .*1\.png$/,
    );
  });
  await withFiles({}, async (folder) => {
    await assert.rejects(readAll(folder, ["."]), /: no files to read$/);
    await assert.rejects(openData([]), /Wanted files or folders of data, got none/);
  });
});

Deno.test("openData() reads UTF-16 and UTF-8 with byte order marks, and keeps CRLF", async () => {
  const text = "Grüße 🦀\r\n中文\n";
  const mark = "\ufeff";
  await withFiles({
    "a.txt": text,
    "b.txt": mark + text,
    "c.txt": utf16(mark + text, true),
    "d.txt": utf16(mark + text, false),
    "e.txt": mark,
    "f.txt": "x",
    "g.txt": utf16(mark, true),
    // A mark that is not at the start is a character.
    "h.txt": "a" + mark,
  }, async (folder) => {
    assert.deepEqual(await textsIn(folder), [text, text, text, text, "", "x", "", "a" + mark]);
  });
  // Characters that chunks cut, with more than one chunk.
  const long = "aé中🦀\r\n".repeat(60_000);
  await withFiles({ "a.txt": long, "b.txt": utf16(mark + long, true) }, async (folder) => {
    assert.deepEqual((await textsIn(folder)).map((read) => read === long), [true, true]);
  });
});

Deno.test("openData() refuses text that is not UTF-8, with file, line, byte and a remedy", async () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const long = encode("eins zwei drei ö\n".repeat(40_000));
  const cases: Record<string, [Uint8Array, RegExp]> = {
    "latin1.txt": [
      Uint8Array.of(...encode("ab\nc"), 0xe9, 0x20, 0x61),
      /latin1\.txt:2: byte 4 \(0xe9\) is no UTF-8; .* iconv -f latin1 -t utf-8 '.*latin1\.txt'/,
    ],
    "cut.txt": [Uint8Array.of(...encode("a\n"), 0xf0, 0x9f), /cut\.txt:2: byte 2 \(0xf0\)/],
    "surrogate.txt": [Uint8Array.of(97, 0xed, 0xa0, 0x80, 97), /surrogate\.txt:1: byte 1 \(0xed\)/],
    "marked.txt": [Uint8Array.of(0xef, 0xbb, 0xbf, 97, 0xff, 97), /marked\.txt:1: byte 4 \(0xff\)/],
    "far.txt": [
      new Uint8Array(await new Blob([long, Uint8Array.of(0xfc), long]).arrayBuffer()),
      new RegExp(`far\\.txt:40001: byte ${long.length} \\(0xfc\\)`),
    ],
    "odd16.txt": [Uint8Array.of(0xff, 0xfe, 97, 0, 98), /odd16\.txt:1: .*no valid UTF-16/],
    "latin1.jsonl": [
      Uint8Array.of(...encode(`{"text":"`), 0xe9, 34, 125),
      /latin1\.jsonl:1: byte 9/,
    ],
    "utf32.txt": [Uint8Array.of(0xff, 0xfe, 0, 0, 97, 0, 0, 0), /utf32\.txt is no text: binary/],
  };
  await withFiles(
    Object.fromEntries(Object.entries(cases).map(([name, [bytes]]) => [name, bytes])),
    async (folder) => {
      for (const [name, [_, message]] of Object.entries(cases)) {
        await assert.rejects(readAll(folder, [name]), message, name);
      }
    },
  );
});

Deno.test("openData() reads standard input from a temporary file, which is removed", async () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  async function* stream(...parts: readonly string[]) {
    for (const part of parts) yield await Promise.resolve(encode(part));
  }
  await using source = await openData(["-"], { stdin: stream(`{"text":"a"`, `}\n{"text":"b"}`) });
  const texts = async () =>
    (await Array.fromAsync(source.records())).map((record) => (record as { text: string }).text);
  assert.deepEqual(await texts(), ["a", "b"]);
  assert.deepEqual(await texts(), ["a", "b"]);
  const [{ path }] = source.files;
  await source[Symbol.asyncDispose]();
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  const plain = await readAll("", ["-"], { stdin: stream("just ", "text") });
  assert.deepEqual(plain.documents.map(({ text }) => text), ["just text"]);
  await assert.rejects(openData(["-"], { stdin: stream() }), /standard input is empty/);
  await assert.rejects(openData(["-", "x"], { stdin: stream("a") }), /read alone/);
  await assert.rejects(
    openData(["-"], { stdin: stream("text"), kinds: ["messages"] }),
    /found text data, and wanted is messages/,
  );
});

Deno.test("identity() changes with a file, and not with another way to it", async () => {
  await withFiles({ "a.txt": "a", "b.txt": "b" }, async (folder) => {
    const identity = async (...names: string[]) => {
      await using source = await openData(names.map((name) => `${folder}/${name}`));
      return await source.identity();
    };
    const before = await identity("a.txt");
    assert.equal(await identity("../" + folder.split("/").at(-1) + "/a.txt"), before);
    assert.notEqual(await identity("a.txt", "b.txt"), before);
    // Another file of the same length and time in its place, as tools leave it that copy times, too.
    const { mtime } = await Deno.stat(`${folder}/a.txt`);
    await Deno.writeTextFile(`${folder}/x.txt`, "x");
    await Deno.utime(`${folder}/x.txt`, mtime!, mtime!);
    await Deno.rename(`${folder}/x.txt`, `${folder}/a.txt`);
    assert.notEqual(await identity("a.txt"), before);
  });
});
