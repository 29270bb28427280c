// Folders as people have them: names with and without prefixes, saved buffers, stale indexes, Python's JSON, F64, and what is no
// model in the format that is read here.

import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { SafetensorsFile } from "../../src/checkpoint/safetensors_file.ts";
import { SafetensorsError } from "../../src/checkpoint/safetensors_header.ts";
import { StoredNames } from "../../src/checkpoint/stored_names.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { readTokenizer } from "../../src/train/tokenizer.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { ModelFolder, storedBits, zeros } from "../support/checkpoint/changed_checkpoint.ts";
import { smallConfigs, smallEncoderConfigs } from "../support/models/small_configs.ts";

const configs = { ...smallConfigs, ...smallEncoderConfigs };
const PREFIXES: Readonly<Partial<Record<keyof typeof configs, string>>> = {
  gpt2: "transformer.",
  bert: "bert.",
  bertClassifier: "bert.",
  vit: "vit.",
  t5: "none.",
};

for (const [family, config] of Object.entries(configs)) {
  const prefix = PREFIXES[family as keyof typeof configs] ?? "model.";
  const renamings: Record<string, (name: string) => string> = {
    [`without the prefix ${prefix}`]: (name) =>
      name.startsWith(prefix) ? name.slice(prefix.length) : name,
    "compiled by torch": (name) => `_orig_mod.${name}`,
    "with compiled modules inside": (name) => name.replace(".", "._orig_mod."),
    "of DataParallel": (name) => `module.${name}`,
    "within another module called model": (name) => `model.${name}`,
    "compiled within DataParallel, without the prefix": (name) =>
      `module._orig_mod.${name.startsWith(prefix) ? name.slice(prefix.length) : name}`,
  };
  for (const [what, rename] of Object.entries(renamings)) {
    Deno.test(`names of a ${family} ${what} are found`, async () => {
      using device = wasmDevice();
      await using folder = await ModelFolder.withModel(device, config);
      const expected = await storedBits(device, folder.path);
      await folder.change((tensors) =>
        tensors.map((each) => ({ ...each, name: rename(each.name) }))
      );
      assertSameBits(await storedBits(device, folder.path), expected);
    });
  }
}

Deno.test("saved buffers are skipped, of every family and in any type", async () => {
  const buffers: Record<string, readonly string[]> = {
    gpt2: ["transformer.h.0.attn.bias", "h.1.attn.masked_bias"],
    llama: [
      "model.layers.0.self_attn.rotary_emb.inv_freq",
      "model.rotary_emb.inv_freq",
      "rotary_emb.original_inv_freq",
      "model.layers.1.self_attn.rotary_emb.cos_cached",
    ],
    opt: ["model.decoder.version", "decoder.version"],
    bert: ["bert.embeddings.position_ids", "embeddings.token_type_ids"],
    bertClassifier: ["_orig_mod.bert.embeddings.position_ids"],
  };
  using device = wasmDevice();
  for (const [family, names] of Object.entries(buffers)) {
    for (const dtype of ["F32", "I64", "F8_E4M3"] as const) {
      await using folder = await ModelFolder.withModel(
        device,
        configs[family as keyof typeof configs],
      );
      const expected = await storedBits(device, folder.path);
      await folder.change((tensors) => [
        ...tensors,
        ...names.map((name) => zeros(name, [2], dtype)),
      ]);
      using model = await loadPretrained(device, folder.path, {
        onLoaded: ({ newTensors, unusedTensors }) =>
          assert.deepEqual([newTensors, unusedTensors], [[], []]),
      });
      assert.equal(model.parameters().length, expected.length);
      assertSameBits(await storedBits(device, folder.path), expected);
    }
  }
});

Deno.test("a tied table that is stored under the head's name only is found, and not if the config unties them", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(device, smallConfigs.qwen2);
  const expected = await storedBits(device, folder.path);
  await folder.change((tensors) =>
    tensors.map((each) => ({
      ...each,
      name: each.name === "model.embed_tokens.weight" ? "lm_head.weight" : each.name,
    }))
  );
  assertSameBits(await storedBits(device, folder.path), expected);
  await folder.configure({ tie_word_embeddings: false });
  await assert.rejects(loadPretrained(device, folder.path), /it lacks lm_head\.weight/);
});

Deno.test("two names of one tensor are refused", () => {
  assert.throws(
    () => new StoredNames(["a.weight", "_orig_mod.a.weight"], { modules: { a: "a" } }),
    /a\.weight and _orig_mod\.a\.weight are two names of one tensor/,
  );
});

Deno.test("model.safetensors goes before a stale index", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(device, smallConfigs.llama);
  const expected = await storedBits(device, folder.path);
  await Deno.writeTextFile(
    folder.file("model.safetensors.index.json"),
    JSON.stringify({ weight_map: { "model.norm.weight": "model-00001-of-00009.safetensors" } }),
  );
  assertSameBits(await storedBits(device, folder.path), expected);
});

Deno.test("F64 tensors are rounded to f32, or to the type that is asked for", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(device, smallConfigs.llama);
  const expected = await storedBits(device, folder.path);
  const inF16 = async () => {
    using model = await loadPretrained(device, folder.path, { dtype: "f16" });
    return await Promise.all(model.parameters().map((each) => each.data()));
  };
  const rounded = await inF16();
  await folder.change((tensors) =>
    tensors.map((each) => ({
      ...each,
      dtype: "F64",
      bytes: async () => {
        const { buffer, byteOffset, length } = await each.bytes();
        const values = new Float32Array(buffer as ArrayBuffer, byteOffset, length / 4);
        return new Uint8Array(Float64Array.from(values).buffer);
      },
    }))
  );
  assertSameBits(await storedBits(device, folder.path), expected);
  assertSameBits(await inF16(), rounded);
});

Deno.test("NaN, Infinity and a byte order mark in config.json, as Python writes them, are read and saved again", async () => {
  using device = wasmDevice();
  await using folder = await ModelFolder.withModel(device, smallConfigs.llama);
  const path = folder.file("config.json");
  const settings = `"a": NaN, "b": [Infinity, -Infinity], "c": "NaN, \\" Infinity",`;
  const text = (await Deno.readTextFile(path)).replace("{", `{ ${settings}`);
  await Deno.writeTextFile(path, `\uFEFF${text}`);
  using model = await loadPretrained(device, folder.path);
  const { values } = model.form.config;
  assert.deepEqual([values.a, values.b, values.c], [NaN, [Infinity, -Infinity], 'NaN, " Infinity']);
  await savePretrained(model, folder.path);
  assert.equal(await Deno.readTextFile(path), text);
  await Deno.writeTextFile(path, text.replace("NaN", "nan"));
  await assert.rejects(loadPretrained(device, folder.path), /config\.json: it is not JSON: .*/);
});

Deno.test("what is no model is refused with what to do", async (t) => {
  const config = JSON.stringify(smallConfigs.llama);
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
  const cases: Record<string, [files: Record<string, string>, message: RegExp]> = {
    "a pickle only": [
      { "config.json": config, "pytorch_model.bin": "PK" },
      /no model\.safetensors in it; pytorch_model\.bin is a pickle, .*Convert it: python3 -c '.*torch\.load.*save_file/,
    ],
    "a GGUF file beside a config": [
      { "config.json": config, "a.gguf": "GGUF" },
      /no model\.safetensors in it; GGUF is not read. Convert it: python3 .*gguf_file="a\.gguf"/,
    ],
    "a GGUF file only": [{ "a.gguf": "GGUF" }, /which has a\.gguf and no config\.json: GGUF/],
    "TensorFlow's file": [{ "config.json": config, "tf_model.h5": "" }, /tf_model\.h5 is not read/],
    "parts without an index": [
      { "config.json": config, "model-00001-of-00002.safetensors": "" },
      /it has model-00001-of-00002\.safetensors and no index/,
    ],
    "nothing beside the config": [{ "config.json": config }, /download model\.safetensors/],
    "an empty folder": [{}, /there is no config\.json in it; give the folder/],
    "weights that are an LFS pointer": [
      { "config.json": config, "model.safetensors": pointer },
      /Cannot read .*model\.safetensors: It is a pointer of Git LFS .*git lfs pull/,
    ],
    "a config that is an LFS pointer": [
      { "config.json": pointer },
      /config\.json is a pointer of Git LFS .*git lfs pull/,
    ],
    "an index that is an LFS pointer": [
      { "config.json": config, "model.safetensors.index.json": pointer },
      /index\.json is a pointer of Git LFS/,
    ],
  };
  for (const [what, [files, message]] of Object.entries(cases)) {
    await t.step(what, async () => {
      using device = wasmDevice();
      await using folder = await ModelFolder.make();
      for (const [name, text] of Object.entries(files)) {
        await Deno.writeTextFile(folder.file(name), text);
      }
      await assert.rejects(loadPretrained(device, folder.path), message);
    });
  }
  using device = wasmDevice();
  await using folder = await ModelFolder.make();
  await assert.rejects(loadPretrained(device, folder.file("none")), /There is no folder .*none/);
  await Deno.writeTextFile(folder.file("a.gguf"), "GGUF");
  await assert.rejects(loadPretrained(device, folder.file("a.gguf")), /a\.gguf: GGUF is not read/);
  await Deno.writeTextFile(folder.file("tokenizer.json"), pointer);
  await assert.rejects(readTokenizer(folder.file("tokenizer.json")), /pointer of Git LFS/);
});

Deno.test({
  name: "a pipe in the place of a file is refused, and nobody waits for it",
  ignore: Deno.build.os === "windows",
  async fn() {
    using device = wasmDevice();
    for (const name of ["config.json", "model.safetensors"]) {
      await using folder = await ModelFolder.withModel(device, smallConfigs.llama);
      await Deno.remove(folder.file(name));
      await new Deno.Command("mkfifo", { args: [folder.file(name)] }).output();
      await assert.rejects(
        loadPretrained(device, folder.path),
        new RegExp(`Cannot read .*${name}: it is a pipe or a device, not a file`),
      );
    }
  },
});

Deno.test("a header with duplicate keys, NaN, a byte order mark or odd names is handled by name", async (t) => {
  const a = `"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}`;
  const cases: Record<string, [json: string, message: RegExp]> = {
    "a tensor twice": [`{${a}, ${a}}`, /The header has a twice/],
    "the same key with another escape": [`{${a}, ${a.replace("a", "\\u0061")}}`, /has a twice/],
    "a dtype twice": [
      `{"a": {"dtype": "U8", "dtype": "I8", "shape": [1], "data_offsets": [0, 1]}}`,
      /The header's a has dtype twice/,
    ],
    "metadata twice": [`{"__metadata__": {}, "__metadata__": {}, ${a}}`, /has __metadata__ twice/],
    "a key of metadata twice": [
      `{"__metadata__": {"k": "1", "k": "2"}, ${a}}`,
      /__metadata__ has k twice/,
    ],
    "NaN in a shape": [`{${a.replace("[1]", "[NaN]")}}`, /a\.shape must be integers >= 0, got NaN/],
    "Infinity in offsets": [
      `{${a.replace("[0, 1]", "[0, Infinity]")}}`,
      /a\.data_offsets must be integers >= 0, got Infinity/,
    ],
    "a byte order mark": [`\uFEFF{${a}}`, /begins with a byte order mark/],
    "an unknown key": [`{${a.replace("}", `, "more": 1}`)}}`, /a\.more is unknown/],
    "text behind it": [`{${a}} 1`, /more text at byte/],
    "one number too large": [`{${a.replace("[1]", "[9007199254740993]")}}`, /a\.shape must be/],
    "three offsets": [`{${a.replace("[0, 1]", "[0, 1, 2]")}}`, /must be two numbers, got 3/],
    "a control character in a name": [`{"a\nb": {}}`, /a control character at byte 3/],
  };
  const open = async (json: string) => {
    await using folder = await ModelFolder.make();
    const text = new TextEncoder().encode(json);
    const bytes = new Uint8Array(8 + text.length + 1);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    await Deno.writeFile(folder.file("it.safetensors"), bytes);
    using file = await SafetensorsFile.open(folder.file("it.safetensors"));
    return [...file.tensors.keys()];
  };
  for (const [what, [json, message]] of Object.entries(cases)) {
    await t.step(what, () =>
      assert.rejects(open(json), (error) => {
        assert(error instanceof SafetensorsError, String(error));
        assert.match(error.message, /Cannot read .*it\.safetensors/);
        assert.match(error.message, message);
        return true;
      }));
  }
  // Names that an object would not hold as they are.
  assert.deepEqual(await open(`{${a.replace("a", "__proto__")}}`), ["__proto__"]);
  assert.deepEqual(await open(`{${a.replace("a", "toString")}}`), ["toString"]);
});

Deno.test({
  name: "a header of 95 MB takes less than 1.5 GB",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const program = new URL("programs/large_header.ts", import.meta.url).pathname;
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-lock", "--allow-all", program],
      stderr: "inherit",
    }).output();
    assert.ok(success);
    const bytes = Number(new TextDecoder().decode(stdout));
    assert.ok(bytes > 95e6 && bytes < 1.5e9, `it took ${bytes} bytes`);
  },
});

Deno.test("absurd numbers of blocks are refused by name", async () => {
  using device = wasmDevice();
  for (const [family, config] of Object.entries(configs)) {
    await using folder = await ModelFolder.withModel(device, config);
    for (const { key, changes } of withAbsurdBlocks(config)) {
      await folder.configure({ ...config, ...changes });
      await assert.rejects(
        loadPretrained(device, folder.path),
        new RegExp(`${key} must be <=10000, got 1000000000`),
        family,
      );
    }
  }
});

/** The setting in the config, or in each of those that it is made of. */
function withAbsurdBlocks(
  config: Readonly<Record<string, unknown>>,
): { readonly key: string; readonly changes: Readonly<Record<string, unknown>> }[] {
  const keys = ["n_layer", "num_layers", "num_hidden_layers", "encoder_layers"];
  const key = keys.find((each) => each in config);
  if (key !== undefined) return [{ key, changes: { [key]: 1e9 } }];
  const parts = ["vision_config", "qformer_config", "text_config"].filter((part) => part in config);
  return parts.flatMap((part) => {
    const own = config[part] as Readonly<Record<string, unknown>>;
    return withAbsurdBlocks(own).map(({ key, changes }) => ({
      key: `${part}(: |\\.)${key}`,
      changes: { [part]: { ...own, ...changes } },
    }));
  });
}
