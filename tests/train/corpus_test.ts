import assert from "node:assert/strict";
import { splitCorpus } from "../../src/train/corpus.ts";
import { readText } from "../../src/train/text_files.ts";

Deno.test("readText() reads folders in the order of paths and skips files that are not text", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/b`);
    await Deno.writeTextFile(`${folder}/b/second.md`, "two");
    await Deno.writeTextFile(`${folder}/a.md`, "one ");
    await Deno.writeTextFile(`${folder}/c.txt`, " three");
    await Deno.writeFile(`${folder}/d.bin`, Uint8Array.of(1, 0, 2));
    await Deno.writeTextFile(`${folder}/.hidden`, "hidden");
    const decode = ({ text, numFiles }: Awaited<ReturnType<typeof readText>>) =>
      `${numFiles}: ${new TextDecoder().decode(text)}`;
    assert.equal(decode(await readText([folder])), "3: one two three");
    assert.equal(decode(await readText([folder], [".md"])), "2: one two");
    await assert.rejects(readText([`${folder}/none`]), /Cannot read .*none/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("splitCorpus() holds out every tenth block and refuses too little text", () => {
  const text = Uint8Array.from({ length: 20 * 4096 + 5 }, (_, i) => i / 4096);
  const { train, heldOut } = splitCorpus(text);
  assert.equal(train.length + heldOut.length, text.length);
  assert.deepEqual(new Set(heldOut), new Set([9, 19]));
  assert.ok(!train.includes(9) && !train.includes(19));
  assert.throws(() => splitCorpus(new Uint8Array(0)), /Cannot train on 0 bytes/);
});
