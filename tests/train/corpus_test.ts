import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { drawBatch } from "../../src/train/byte_batch.ts";
import { readText, splitCorpus } from "../../src/train/corpus.ts";

Deno.test("readText() reads folders in the order of paths and leaves out what is not text", async () => {
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

Deno.test("drawBatch() draws the same examples whatever the number of replicas", async () => {
  using device = wasmDevice();
  const text = Uint8Array.from({ length: 999 }, (_, i) => i * i);
  const draw = async (rank: number, size: number) => {
    const random = new RandomSource(5).stream();
    using batch = drawBatch(device, {
      text,
      context: 3,
      globalSize: 10,
      replica: { rank, size },
      random,
      step: 4,
    });
    return { contexts: [...await batch.contexts.data()], targets: [...await batch.targets.data()] };
  };
  const whole = await draw(0, 1);
  const parts = [await draw(0, 3), await draw(1, 3), await draw(2, 3)];
  assert.deepEqual(parts.flatMap(({ contexts }) => contexts), whole.contexts);
  assert.deepEqual(parts.flatMap(({ targets }) => targets), whole.targets);
  assert.deepEqual(parts.map(({ targets }) => targets.length), [4, 3, 3]);
  assert.ok(new Set(whole.targets).size > 3);
});
