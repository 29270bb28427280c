// The tokens of a source: documents and what ends them, in memory and in the cache.

import assert from "node:assert/strict";
import { openData } from "../../../src/train/data/data_source.ts";
import { tokenizeData, type TokenizeOptions } from "../../../src/train/data/token_data.ts";
import { byteTokenizer, readTokenizer, type Tokenizer } from "../../../src/train/tokenizer.ts";
import { namesIn, withFolder } from "../../support/temporary_folder.ts";
import { withFiles } from "../../support/train/data_files.ts";
import { SMALL_VOCABULARY, smallTokenizerJson } from "../../support/train/small_tokenizer.ts";

async function tokensIn(
  paths: readonly string[],
  tokenizer: Tokenizer,
  options: TokenizeOptions = {},
) {
  await using source = await openData(paths, { kinds: ["text"] });
  using tokens = await tokenizeData(source, tokenizer, options);
  return { values: [...tokens.read(0, tokens.length)], isInFile: tokens.isInFile };
}

/** smallTokenizerJson(), with a token that ends texts. */
async function endingTokenizer(folder: string): Promise<Tokenizer> {
  await Deno.mkdir(`${folder}/model`);
  const settings = JSON.parse(smallTokenizerJson());
  settings.added_tokens = [{ id: SMALL_VOCABULARY, content: "</s>", special: true }];
  await Deno.writeTextFile(`${folder}/model/tokenizer.json`, JSON.stringify(settings));
  const config = JSON.stringify({ eos_token: { content: "</s>" } });
  await Deno.writeTextFile(`${folder}/model/tokenizer_config.json`, config);
  return await readTokenizer(`${folder}/model/tokenizer.json`);
}

Deno.test("tokenizeData() ends every document, files and records, with the token that ends texts", async () => {
  await withFiles({
    "data/a.txt": "the",
    "data/b.txt": "in",
    "c.jsonl": `{"text":"the"}\n{"text":""}\n{"text":"in"}\n`,
  }, async (folder) => {
    const tokenizer = await endingTokenizer(folder);
    assert.equal(tokenizer.end, SMALL_VOCABULARY);
    const [the, end, within] = [257, tokenizer.end, 258];
    const { values } = await tokensIn([`${folder}/data`], tokenizer);
    assert.deepEqual(values, [the, end, within, end]);
    assert.deepEqual((await tokensIn([`${folder}/c.jsonl`], tokenizer)).values, [
      the,
      end,
      end,
      within,
      end,
    ]);
    const bytes = await tokensIn([`${folder}/data/b.txt`, `${folder}/data/a.txt`], byteTokenizer);
    assert.equal(String.fromCharCode(...bytes.values), "inthe");
  });
});

Deno.test("readTokenizer() finds the token that ends texts in the files beside it", async () => {
  const files: Record<string, unknown>[] = [
    { "tokenizer_config.json": { eos_token: "an" } },
    {
      "tokenizer_config.json": { eos_token: null },
      "special_tokens_map.json": { eos_token: "an" },
    },
    { "config.json": { eos_token_id: 261 } },
    { "config.json": { eos_token_id: [261, 5] } },
    { "config.json": { eos_token_id: 5000 } },
    {},
  ];
  const ends = await Promise.all(files.map(async (beside) => {
    let end: number | undefined;
    await withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/tokenizer.json`, smallTokenizerJson());
      for (const [name, contents] of Object.entries(beside)) {
        await Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(contents));
      }
      ({ end } = await readTokenizer(`${folder}/tokenizer.json`));
    });
    return end;
  }));
  assert.deepEqual(ends, [261, 261, 261, 261, undefined, undefined]);
});

Deno.test("tokenizeData() puts large data into the cache, where one of several finds it", async () => {
  await withFiles({ "data/a.txt": "the rain ".repeat(2000) }, async (folder) => {
    const inner = await endingTokenizer(folder);
    let encoded = 0;
    const tokenizer: Tokenizer = {
      ...inner,
      encodeText: (text) => {
        encoded += text.length;
        return inner.encodeText(text);
      },
    };
    const options = { memoryBytes: 1000, cache: `${folder}/cache` };
    const inMemory = await tokensIn([`${folder}/data`], inner);
    assert.equal(inMemory.isInFile, false);
    const both = await Promise.all([
      tokensIn([`${folder}/data`], tokenizer, options),
      tokensIn([`${folder}/data`], tokenizer, options),
    ]);
    for (const { values, isInFile } of both) {
      assert.ok(isInFile);
      assert.deepEqual(values, inMemory.values);
    }
    assert.equal(encoded, 18_000);
    const [entry] = (await namesIn(`${folder}/cache`)).filter((name) => !name.includes("."));

    // Damaged, or left unfinished by a process that was killed.
    await Deno.writeTextFile(`${folder}/cache/${entry}/tokens.bin`, "cut");
    for (const key of [entry, "tokens-0"]) await Deno.mkdir(`${folder}/cache/${key}.1.partial`);
    // One that another process makes at this moment.
    await Deno.mkdir(`${folder}/cache/tokens-1.1.partial`);
    using making = await Deno.create(`${folder}/cache/tokens-1.lock`);
    await making.lock(true);
    assert.deepEqual(
      (await tokensIn([`${folder}/data`], tokenizer, options)).values,
      inMemory.values,
    );
    assert.equal(encoded, 36_000);
    const partial = (await namesIn(`${folder}/cache`)).filter((name) => name.endsWith(".partial"));
    assert.deepEqual(partial, ["tokens-1.1.partial"]);

    // Another file, or another tokenizer, has an entry of its own.
    const old = new Date(Date.now() - 31 * 24 * 3600 * 1000);
    for (const name of await namesIn(`${folder}/cache`)) {
      await Deno.utime(`${folder}/cache/${name}`, old, old);
    }
    await Deno.writeTextFile(`${folder}/data/a.txt`, "in ".repeat(1000));
    const other = await tokensIn([`${folder}/data`], tokenizer, options);
    assert.equal(other.values.length, 2001);
    // What was not used for long is gone.
    const names = await namesIn(`${folder}/cache`);
    assert.ok(!names.some((name) => name.startsWith(entry)), names.join());
    assert.equal(names.length, 2);
  });
});

Deno.test("tokenizeData() leaves nothing in the cache of data that it refuses", async () => {
  await withFiles({ "a.txt": "the ".repeat(1000) + "\n" }, async (folder) => {
    await Deno.writeFile(`${folder}/a.txt`, Uint8Array.of(0xe9, 0x20), { append: true });
    const options = { memoryBytes: 1000, cache: `${folder}/cache` };
    await assert.rejects(
      tokensIn([`${folder}/a.txt`], byteTokenizer, options),
      /a\.txt:2: byte 4001 \(0xe9\) is no UTF-8/,
    );
    const names = await namesIn(`${folder}/cache`);
    assert.ok(names.every((name) => name.endsWith(".lock")), names.join());
  });
});

Deno.test("tokenizeData() says what to do where the cache cannot be written", async () => {
  await withFiles({ "a.txt": "the ".repeat(1000), "file": "" }, async (folder) => {
    await assert.rejects(
      tokensIn([`${folder}/a.txt`], byteTokenizer, {
        memoryBytes: 0,
        cache: `${folder}/file/cache`,
      }),
      /Cannot make the folder .*; set MESHFACTOR_CACHE to a folder/,
    );
  });
});

Deno.test("tokenizeData() reports the progress of the process that it waits for", async () => {
  await withFiles({ "a.txt": "the ".repeat(2 ** 19) }, async (folder) => {
    const cache = `${folder}/cache`;
    const options = { memoryBytes: 0, cache, progressMs: 0 };
    const counts: number[] = [];
    await tokensIn([`${folder}/a.txt`], byteTokenizer, {
      ...options,
      onProgress: (tokens) => counts.push(tokens),
    });
    assert.ok(counts.length >= 4, `${counts}`);
    assert.equal(counts.at(-1), 2 ** 21);

    const [entry] = (await namesIn(cache)).filter((name) => !name.includes("."));
    await Deno.remove(`${cache}/${entry}`, { recursive: true });
    await Deno.mkdir(`${cache}/${entry}.0.partial`);
    await Deno.writeFile(`${cache}/${entry}.0.partial/tokens.bin`, new Uint8Array(12345));
    const maker = await Deno.open(`${cache}/${entry}.lock`, { write: true });
    await maker.lock(true);
    const waited = Promise.withResolvers<number>();
    const tokens = tokensIn([`${folder}/a.txt`], byteTokenizer, {
      ...options,
      onProgress: waited.resolve,
    });
    assert.equal(await waited.promise, 12345);
    maker.close();
    assert.equal((await tokens).values.length, 2 ** 21);
  });
});
