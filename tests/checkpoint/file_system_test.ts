// Checkpoints access files through a FileSystem only: written to memory, they have the same bytes as on disk.

import assert from "node:assert/strict";
import { CheckpointFolder } from "../../src/checkpoint/checkpoint_folder.ts";
import { disk } from "../../src/checkpoint/disk.ts";
import type { FileSystem } from "../../src/checkpoint/file_system.ts";
import { SafetensorsFile } from "../../src/checkpoint/safetensors_file.ts";
import { writeSafetensors } from "../../src/checkpoint/safetensors_write.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";

/** Files in a map. */
function memoryFiles(files = new Map<string, Uint8Array<ArrayBuffer>>()): FileSystem {
  const fileAt = (path: string) => {
    const bytes = files.get(path);
    if (bytes === undefined) throw new Error(`There is no ${path}`);
    return bytes;
  };
  return {
    open: (path) =>
      Promise.try(() => {
        const bytes = fileAt(path);
        return {
          size: bytes.length,
          read: (begin, end) => Promise.resolve(bytes.slice(begin, end)),
          [Symbol.dispose]: () => {},
        };
      }),
    has: (path) => Promise.resolve(files.has(path)),
    names: (folder) =>
      Promise.resolve(
        [...files.keys()].filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1)).toSorted(),
      ),
    readText: (path) => Promise.try(() => new TextDecoder().decode(fileAt(path))),
    makeFolder: () => Promise.resolve(),
    async write(path, pieces) {
      const all = await Array.fromAsync(pieces);
      files.set(path, new Uint8Array(await new Blob(all as BlobPart[]).arrayBuffer()));
    },
  };
}

const TENSORS = [
  { name: "a", dtype: "F32", shape: [3], bytes: () => bytesOf(Float32Array.of(1, -2, 3)) },
  { name: "b", dtype: "BF16", shape: [2, 1], bytes: () => bytesOf(Uint16Array.of(16256, 49152)) },
] as const;

function bytesOf({ buffer }: { readonly buffer: ArrayBuffer }): Promise<Uint8Array> {
  return Promise.resolve(new Uint8Array(buffer));
}

Deno.test("a safetensors file written to memory has the bytes of one on disk, and can be read back", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const memory = memoryFiles();
    await writeSafetensors(`${folder}/model.safetensors`, TENSORS);
    await writeSafetensors("m/model.safetensors", TENSORS, { files: memory });
    const bytes = await Deno.readFile(`${folder}/model.safetensors`);
    using onDisk = await disk.open(`${folder}/model.safetensors`);
    using inMemory = await memory.open("m/model.safetensors");
    assertSameBits(await onDisk.read(0, onDisk.size), bytes);
    assertSameBits(await inMemory.read(0, inMemory.size), bytes);
    using file = await SafetensorsFile.open("m/model.safetensors", memory);
    assertSameBits(await file.read("a"), await TENSORS[0].bytes());
    using whole = await CheckpointFolder.open("m", memory);
    assert.deepEqual(whole.names, ["a", "b"]);
    assertSameBits(
      await whole.read("b", { begin: 1, end: 2 }),
      (await TENSORS[1].bytes()).slice(2),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("disk.write() keeps an existing file if a piece throws, and leaves no temporary file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/file`;
    await disk.write(path, [Uint8Array.of(1), Uint8Array.of(2, 3)]);
    await assert.rejects(disk.write(path, broken()), /no more/);
    assertSameBits(await Deno.readFile(path), Uint8Array.of(1, 2, 3));
    assert.deepEqual(
      (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name),
      ["file"],
    );
    assert.ok(await disk.has(path));
    assert.ok(!await disk.has(`${path}2`));
    await assert.rejects(disk.open(`${path}2`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("concurrent reads of one file on disk each get their own bytes", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, Uint8Array.from({ length: 200 }, (_, k) => k));
    using file = await disk.open(path);
    const parts = await Promise.all([file.read(10, 12), file.read(100, 103), file.read(198, 300)]);
    assert.deepEqual(parts.map((part) => [...part]), [[10, 11], [100, 101, 102], [198, 199]]);
  } finally {
    await Deno.remove(path);
  }
});

async function* broken(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Uint8Array.of(4));
  throw new Error("no more");
}
