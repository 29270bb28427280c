import assert from "node:assert/strict";
import fc from "fast-check";
import { CheckpointFolder } from "../../src/checkpoint/checkpoint_folder.ts";
import { SafetensorsFile } from "../../src/checkpoint/safetensors_file.ts";
import {
  byteLength,
  encodeHeader,
  parseHeader,
  PREFIX_BYTES,
  type SafetensorsDtype,
  SafetensorsError,
} from "../../src/checkpoint/safetensors_header.ts";
import { type TensorToWrite, writeSafetensors } from "../../src/checkpoint/safetensors_write.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";

const TWO_BY_THREE = Uint8Array.from({ length: 24 }, (_, k) => k);

Deno.test("SafetensorsFile reads what writeSafetensors() writes, whole and by rows", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.path("model.safetensors");
  await writeSafetensors(path, [
    tensor("b", { dtype: "BF16", shape: [3], bytes: TWO_BY_THREE.subarray(0, 6) }),
    tensor("a", { dtype: "F32", shape: [2, 3], bytes: TWO_BY_THREE }),
    tensor("empty", { dtype: "F16", shape: [0, 5], bytes: new Uint8Array() }),
    tensor("scalar", { dtype: "F64", shape: [], bytes: TWO_BY_THREE.subarray(0, 8) }),
  ], { metadata: { format: "pt" } });
  using file = await SafetensorsFile.open(path);
  assert.deepEqual([...file.tensors.keys()], ["scalar", "a", "b", "empty"]);
  assert.deepEqual(file.metadata, { format: "pt" });
  assertSameBits(await file.read("a"), TWO_BY_THREE);
  assertSameBits(await file.read("a", { begin: 1, end: 2 }), TWO_BY_THREE.slice(12));
  assertSameBits(await file.read("b"), TWO_BY_THREE.slice(0, 6));
  assert.deepEqual((await file.read("empty")).length, 0);
  // Values begin at a multiple of 8, so that they can be memory-mapped.
  assert.equal(file.tensors.get("scalar")!.begin % 8, 0);
});

Deno.test("concurrent reads of a SafetensorsFile return the right tensors", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.path("model.safetensors");
  const names = Array.from({ length: 20 }, (_, k) => `t${k}`);
  await writeSafetensors(
    path,
    names.map((name, k) =>
      tensor(name, { dtype: "U8", shape: [7], bytes: new Uint8Array(7).fill(k) })
    ),
  );
  using file = await SafetensorsFile.open(path);
  const values = await Promise.all(names.map((name) => file.read(name)));
  values.forEach((bytes, k) => assertSameBits(bytes, new Uint8Array(7).fill(k)));
});

Deno.test("SafetensorsFile refuses an inconsistent header, naming the tensor", async (t) => {
  const entry = (begin: number, end: number, more = {}) => ({
    dtype: "F32",
    shape: [(end - begin) / 4],
    data_offsets: [begin, end],
    ...more,
  });
  const cases: Record<string, [header: unknown, message: RegExp]> = {
    "offsets beyond the file": [{ a: entry(0, 40) }, /a ends at byte .* the file has/],
    "overlap": [{ a: entry(0, 16), b: entry(8, 24) }, /b begins at byte .* within another/],
    "a gap": [{ a: entry(0, 8), b: entry(16, 24) }, /No tensor has bytes .* before b/],
    "bytes behind the last tensor": [{ a: entry(0, 8) }, /No tensor has the bytes from/],
    "a dtype of another size": [
      { a: entry(0, 24, { dtype: "F16" }) },
      /a of \[6\] and F16 takes 12/,
    ],
    "an unknown dtype": [{ a: entry(0, 24, { dtype: "Q4" }) }, /a has the element type Q4/],
    "offsets that run backwards": [{ a: entry(24, 0, { shape: [6] }) }, /a of \[6\].*-24 apart/],
    "a shape whose product is no number": [
      { a: entry(0, 24, { shape: [2 ** 52, 2 ** 52] }) },
      /a of .* takes/,
    ],
    "a negative dim": [{ a: entry(0, 24, { shape: [-6] }) }, /a\.shape/],
    "half a dim": [{ a: entry(0, 24, { shape: [1.5, 4] }) }, /a\.shape/],
    "no offsets": [{ a: { dtype: "F32", shape: [6] } }, /a\.data_offsets/],
    "metadata that is no text": [{ __metadata__: { a: 1 } }, /__metadata__/],
    "no object": [[1, 2], /The header must be an object, got \[1 at byte 0/],
  };
  for (const [what, [header, message]] of Object.entries(cases)) {
    await t.step(what, () => assert.rejects(open(JSON.stringify(header)), named(message)));
  }
});

Deno.test("SafetensorsFile refuses impossible lengths of headers, and allocates nothing for them", async (t) => {
  for (const length of [2n ** 60n, 2n ** 64n - 1n, 2n ** 33n, 33n]) {
    await t.step(
      `${length} bytes`,
      () => assert.rejects(open("{}", { length }), named(/only \d+ are possible/)),
    );
  }
  await t.step(
    "a file of 5 bytes",
    () => assert.rejects(openBytes(new Uint8Array(5)), named(/The file has 5 bytes/)),
  );
  await t.step("text that is not JSON", () => assert.rejects(open("{", {}), named(/is not JSON/)));
  await t.step("bytes that are not UTF-8", () =>
    assert.rejects(
      openBytes(Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0xff, 0x22)),
      named(/is not JSON: the text at byte 1/),
    ));
});

Deno.test("SafetensorsFile refuses a file truncated at any byte", async () => {
  const whole = await wholeFile();
  for (let length = 0; length < whole.length; length++) {
    await assert.rejects(openBytes(whole.slice(0, length)), SafetensorsError, `${length} bytes`);
  }
});

Deno.test("parseHeader() accepts what encodeHeader() writes, and throws only SafetensorsErrors on damage", () => {
  const names = fc.uniqueArray(fc.string({ unit: "grapheme" }), { maxLength: 5 });
  const dtype = fc.constantFrom<SafetensorsDtype>("F32", "BF16", "U8", "I64");
  const shapes = fc.array(fc.record({ dtype, shape: fc.array(fc.nat(9), { maxLength: 3 }) }), {
    minLength: 5,
    maxLength: 5,
  });
  fc.assert(
    fc.property(
      names,
      shapes,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (names, shapes, at, change) => {
        fc.pre(!names.includes("__metadata__"));
        const tensors = names.map((name, k) => ({ name, ...shapes[k] }));
        const head = encodeHeader(tensors, {});
        const json = head.subarray(PREFIX_BYTES);
        const end = tensors.reduce((sum, each) => sum + byteLength(each), head.length);
        const { tensors: parsed } = parseHeader(json, end);
        assert.deepEqual(
          [...parsed].map(([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] })),
          tensors,
        );
        json[at % json.length] ^= change;
        try {
          parseHeader(json, end);
        } catch (error) {
          assert(error instanceof SafetensorsError, String(error));
        }
      },
    ),
    { numRuns: 500, seed: 1 },
  );
});

Deno.test("writeSafetensors() leaves no file if a tensor has too few bytes or a name occurs twice", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.path("model.safetensors");
  const short = tensor("a", { dtype: "F32", shape: [7], bytes: TWO_BY_THREE });
  await assert.rejects(writeSafetensors(path, [short]), /Cannot write a of \[7\].*wanted 28/);
  const one = tensor("a", { dtype: "F32", shape: [6], bytes: TWO_BY_THREE });
  await assert.rejects(writeSafetensors(path, [one, one]), /two tensors called a/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(folder.path(""))), []);
});

Deno.test("CheckpointFolder finds each tensor in the file that the index names", async () => {
  await using folder = await TemporaryFolder.make();
  const files = { a: "model-1.safetensors", b: "model-2.safetensors" };
  for (const [name, file] of Object.entries(files)) {
    await writeSafetensors(folder.path(file), [
      tensor(name, { dtype: "F32", shape: [6], bytes: TWO_BY_THREE.map((x) => x + name.length) }),
    ]);
  }
  const write = (map: unknown) =>
    Deno.writeTextFile(
      folder.path("model.safetensors.index.json"),
      JSON.stringify({ metadata: { total_size: 48 }, weight_map: map }),
    );
  await write(files);
  {
    using checkpoint = await CheckpointFolder.open(folder.path(""));
    assert.deepEqual(checkpoint.names.toSorted(), ["a", "b"]);
    assertSameBits(await checkpoint.read("b"), TWO_BY_THREE.map((x) => x + 1));
    assert.deepEqual(checkpoint.entry("b")?.shape, [6]);
    await assert.rejects(checkpoint.read("c"), /There is no tensor c/);
  }
  const opening = () => CheckpointFolder.open(folder.path(""));
  await write({ ...files, c: "model-2.safetensors" });
  await assert.rejects(opening(), /names tensors that no file holds: c/);
  await write({ a: "model-1.safetensors", b: "model-1.safetensors" });
  await assert.rejects(opening(), /names tensors that no file holds: b/);
  await write({ a: "model-1.safetensors", c: "model-2.safetensors" });
  await assert.rejects(
    opening(),
    /model-2\.safetensors holds b, and the index puts it into no file/,
  );
  await write({ a: "../elsewhere.safetensors" });
  await assert.rejects(opening(), /weight_map\.a/);
});

Deno.test("CheckpointFolder considers two tensors equal only if type, shape and every value are", async () => {
  await using folder = await TemporaryFolder.make();
  const other = TWO_BY_THREE.with(23, 0);
  const whole = { dtype: "F32", shape: [2, 3] } as const;
  await writeSafetensors(folder.path("model.safetensors"), [
    tensor("a", { ...whole, bytes: TWO_BY_THREE }),
    tensor("same", { ...whole, bytes: TWO_BY_THREE }),
    tensor("other", { ...whole, bytes: other }),
    tensor("flat", { ...whole, shape: [6], bytes: TWO_BY_THREE }),
    tensor("integers", { ...whole, dtype: "I32", bytes: TWO_BY_THREE }),
    tensor("one", { dtype: "F32", shape: [], bytes: TWO_BY_THREE.subarray(0, 4) }),
    tensor("two", { dtype: "F32", shape: [], bytes: TWO_BY_THREE.subarray(4, 8) }),
  ]);
  using checkpoint = await CheckpointFolder.open(folder.path(""));
  assert.equal(await checkpoint.equal("a", "same"), true);
  assert.equal(await checkpoint.equal("one", "one"), true);
  for (const name of ["other", "flat", "integers", "missing"]) {
    assert.equal(await checkpoint.equal("a", name), false, name);
  }
  assert.equal(await checkpoint.equal("one", "two"), false);
  assert.deepEqual(["a", "missing"].map((name) => checkpoint.holds(name)), [true, false]);
});

function tensor(
  name: string,
  { bytes, ...rest }: Omit<TensorToWrite, "name" | "bytes"> & { readonly bytes: Uint8Array },
): TensorToWrite {
  return { name, ...rest, bytes: () => Promise.resolve(bytes) };
}

async function wholeFile(): Promise<Uint8Array<ArrayBuffer>> {
  await using folder = await TemporaryFolder.make();
  const path = folder.path("whole");
  await writeSafetensors(path, [
    tensor("a", { dtype: "F32", shape: [2, 3], bytes: TWO_BY_THREE }),
    tensor("b", { dtype: "U8", shape: [3], bytes: TWO_BY_THREE.subarray(0, 3) }),
  ]);
  return await Deno.readFile(path);
}

/** Opens a file with this header and 24 bytes of values. */
async function open(json: string, { length }: { readonly length?: bigint } = {}): Promise<void> {
  const text = new TextEncoder().encode(json);
  const bytes = new Uint8Array(PREFIX_BYTES + text.length + 24);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, PREFIX_BYTES);
  await openBytes(bytes);
}

async function openBytes(bytes: Uint8Array): Promise<void> {
  await using folder = await TemporaryFolder.make();
  const path = folder.path("damaged.safetensors");
  await Deno.writeFile(path, bytes);
  using _file = await SafetensorsFile.open(path);
}

/** An error that names the file and matches `message`. */
function named(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof SafetensorsError, String(error));
    assert.match(error.message, /Cannot read .*damaged\.safetensors/);
    assert.match(error.message, message);
    return true;
  };
}

class TemporaryFolder implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async make(): Promise<TemporaryFolder> {
    return new TemporaryFolder(await Deno.makeTempDir());
  }

  path(name: string): string {
    return `${this.#path}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }
}
