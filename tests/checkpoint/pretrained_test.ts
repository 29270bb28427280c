import assert from "node:assert/strict";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { SafetensorsFile } from "../../src/checkpoint/safetensors_file.ts";
import { SafetensorsError } from "../../src/checkpoint/safetensors_header.ts";
import { type TensorToWrite, writeSafetensors } from "../../src/checkpoint/safetensors_write.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { newModel } from "../../src/models/new_model.ts";
import type { PretrainedModel } from "../../src/models/pretrained_model.ts";
import { T5 } from "../../src/models/t5.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { smallConfigs } from "../support/models/small_configs.ts";

const random = () => new RandomSource(7);

for (const [family, config] of Object.entries(smallConfigs)) {
  for (const dtype of ["f32", "bf16", "f16"] as const) {
    testOnEachDevice(
      `a ${family} of ${dtype} has the same bits and config after saving and loading`,
      async (device) => {
        await using folder = await TemporaryFolder.make();
        using model = newModel(device, config, { random: random(), dtype });
        const path = `${folder.path}/made/by/saving`;
        await savePretrained(model, path);
        using loaded = await loadPretrained(device, path, { model: Decoder });
        assertSameBits(await bitsOf(loaded), await bitsOf(model));
        for (const [name, parameter] of loaded.namedParameters()) {
          const isF32 = family.startsWith("deepseek") && name.endsWith("router.gate.weight");
          const wanted = [isF32 ? "f32" : dtype, "f32"];
          assert.deepEqual([parameter.dtype, parameter.gradientDtype], wanted, name);
        }
        for (const { dtype } of loaded.namedBuffers().values()) assert.equal(dtype, "f32");
        const { text } = loaded.form.config;
        const inConfig = { f32: "float32", bf16: "bfloat16", f16: "float16" }[dtype];
        assert.equal(text, model.form.config.text.replace(`"float32"`, `"${inConfig}"`));
        using file = await SafetensorsFile.open(`${path}/model.safetensors`);
        assert.deepEqual(file.metadata, { format: "pt" });
      },
    );
  }
}

testOnEachDevice(
  "experts with an odd number of weights each are loaded one after the other, in every type",
  async (device) => {
    const config = { ...smallConfigs.mixtral, hidden_size: 9, intermediate_size: 5 };
    for (const dtype of ["f32", "bf16", "f16"] as const) {
      await using folder = await TemporaryFolder.make();
      using model = newModel(device, config, { random: random(), dtype });
      await savePretrained(model, folder.path);
      using loaded = await loadPretrained(device, folder.path);
      assertSameBits(await bitsOf(loaded), await bitsOf(model), dtype);
      using widened = await loadPretrained(device, folder.path, { dtype: "f32" });
      using narrowed = await loadPretrained(device, folder.path, { dtype: "bf16" });
      for (const [path, parameter] of model.namedParameters()) {
        const values = await parameter.data();
        assertSameBits(await widened.namedParameters().get(path)!.data(), values, path);
        using rounded = Tensor.from(device, values, { dtype: "bf16" });
        assertSameBits(
          await narrowed.namedParameters().get(path)!.data(),
          await rounded.data(),
          path,
        );
      }
    }
  },
);

Deno.test("loadPretrained() rounds parameters to the requested type, from any other", async () => {
  using device = wasmDevice();
  await using folder = await TemporaryFolder.make();
  using model = newModel(device, smallConfigs.gpt2, { random: random() });
  await savePretrained(model, folder.path);
  using rounded = await loadPretrained(device, folder.path, {
    dtype: "bf16",
    gradientDtype: "bf16",
  });
  using expected = newModel(device, smallConfigs.gpt2, { random: random(), dtype: "bf16" });
  assertSameBits(await bitsOf(rounded), await bitsOf(expected));
  assert.equal(rounded.parameters()[0].gradientDtype, "bf16");
  await savePretrained(rounded, folder.path);
  using widened = await loadPretrained(device, folder.path, { dtype: "f32" });
  for (const [path, parameter] of widened.namedParameters()) {
    assertSameBits(await parameter.data(), await expected.namedParameters().get(path)!.data());
  }
});

testOnEachDevice(
  "loadPretrained() converts tensors that are read in several parts",
  async (device) => {
    await using folder = await TemporaryFolder.make();
    // An odd number of elements, of three parts.
    const config = { ...smallConfigs.gpt2, vocab_size: 132_001, n_embd: 33, n_head: 1, n_layer: 1 };
    using model = newModel(device, config, { random: random(), dtype: "bf16" });
    await savePretrained(model, folder.path);
    const expected = await model.parameters()[0].data();
    assert.equal(expected.length % 2, 1);
    assert.ok(expected.length > 2 * 2 ** 21);
    for (const dtype of ["bf16", "f32", "f16"] as const) {
      using loaded = await loadPretrained(device, folder.path, { dtype });
      const values = await loaded.parameters()[0].data();
      assertSameBits(
        values,
        dtype === "f16" ? Float32Array.from(Float16Array.from(expected)) : expected,
      );
    }
  },
);

Deno.test("loadPretrained() reads a checkpoint of several files", async () => {
  using device = wasmDevice();
  await using folder = await TemporaryFolder.make();
  using model = newModel(device, smallConfigs.llama, { random: random() });
  await savePretrained(model, folder.path);
  const tensors = await tensorsOf(folder.path);
  await Deno.remove(`${folder.path}/model.safetensors`);
  const parts = [tensors.slice(0, 7), tensors.slice(7)];
  const weightMap: Record<string, string> = {};
  for (const [k, part] of parts.entries()) {
    const name = `model-0000${k + 1}-of-00002.safetensors`;
    await writeSafetensors(`${folder.path}/${name}`, part);
    for (const tensor of part) weightMap[tensor.name] = name;
  }
  await Deno.writeTextFile(
    `${folder.path}/model.safetensors.index.json`,
    JSON.stringify({ weight_map: weightMap }),
  );
  using loaded = await loadPretrained(device, folder.path);
  assertSameBits(await bitsOf(loaded), await bitsOf(model));
  await assert.rejects(savePretrained(loaded, folder.path), {
    name: "TypeError",
    message: /holds several files and an index: take another folder/,
  });
});

Deno.test("a checkpoint that contradicts its config is refused with the tensor's name, and no memory is kept", async (t) => {
  const { llama } = smallConfigs;
  const cases: Record<string, [changes: Changes, message: RegExp]> = {
    "a missing tensor": [
      { without: "model.layers.1.mlp.up_proj.weight" },
      /lacks model\.layers\.1\.mlp\.up_proj\.weight, which config\.json requires/,
    ],
    "an unexpected tensor": [
      { more: [zeros("model.layers.1.self_attn.q_proj.bias", [16])] },
      /does not have: model\.layers\.1\.self_attn\.q_proj\.bias$/,
    ],
    "another shape": [
      { without: "model.norm.weight", more: [zeros("model.norm.weight", [9])] },
      /model\.norm\.weight has the shape \[9\], and config\.json requires \[8\]/,
    ],
    "another type": [
      { without: "model.norm.weight", more: [zeros("model.norm.weight", [8], "I32")] },
      /model\.norm\.weight is stored as I32: parameters are F32, F16, BF16 or F64/,
    ],
    "more blocks in the config": [
      { config: { ...llama, num_hidden_layers: 10_000 } },
      /lacks model\.layers\.2\.input_layernorm\.weight/,
    ],
    "fewer blocks in the config": [
      { config: { ...llama, num_hidden_layers: 1 } },
      /does not have: .*model\.layers\.1\./,
    ],
    "another vocabulary": [
      { config: { ...llama, vocab_size: 2 ** 50 } },
      /embed_tokens\.weight has the shape \[11, 8\], and config\.json requires \[1125899906842624, 8\]/,
    ],
    "heads of another width": [
      { config: { ...llama, head_dim: 2 } },
      /q_proj\.weight has the shape \[16, 8\], and config\.json requires \[8, 8\]/,
    ],
    "a tied head": [
      { config: { ...llama, tie_word_embeddings: true } },
      /lm_head\.weight differs from model\.embed_tokens\.weight.*tie_word_embeddings/,
    ],
  };
  for (const [what, [changes, message]] of Object.entries(cases)) {
    await t.step(what, async () => {
      using device = wasmDevice();
      await using folder = await changedLlama(changes);
      const before = device.statistics().liveBytes;
      await assert.rejects(loadPretrained(device, folder.path), (error) => {
        assert(error instanceof SafetensorsError, String(error));
        assert.match(error.message, message);
        return true;
      });
      assert.equal(device.statistics().liveBytes, before);
    });
  }
});

Deno.test("loadPretrained() refuses a truncated file", async () => {
  using device = wasmDevice();
  await using folder = await changedLlama({});
  const path = `${folder.path}/model.safetensors`;
  await Deno.truncate(path, (await Deno.stat(path)).size - 4);
  await assert.rejects(loadPretrained(device, folder.path), SafetensorsError);
});

Deno.test("loadPretrained() accepts the extra tensors of old files: an equal head, masks, names without prefix", async () => {
  using device = wasmDevice();
  await using folder = await TemporaryFolder.make();
  using model = newModel(device, smallConfigs.gpt2, { random: random() });
  await savePretrained(model, folder.path);
  const tensors = (await tensorsOf(folder.path))
    .map((tensor) => ({ ...tensor, name: tensor.name.replace("transformer.", "") }));
  const head = { ...tensors.find(({ name }) => name === "wte.weight")!, name: "lm_head.weight" };
  const mask = zeros("h.0.attn.bias", [1, 1, 9, 9]);
  await writeSafetensors(`${folder.path}/model.safetensors`, [...tensors, head, mask]);
  using loaded = await loadPretrained(device, folder.path);
  assertSameBits(await bitsOf(loaded), await bitsOf(model));
  await savePretrained(loaded, folder.path);
  assert.deepEqual(
    (await tensorsOf(folder.path)).map(({ name }) => name).filter((name) =>
      !name.startsWith("transformer.")
    ),
    [],
  );
});

Deno.test("loadPretrained() returns a model of the requested class, or refuses", async () => {
  using device = wasmDevice();
  await using folder = await changedLlama({});
  using model = await loadPretrained(device, folder.path, { model: Decoder });
  assert.ok(model instanceof Decoder);
  const before = device.statistics().liveBytes;
  await assert.rejects(loadPretrained(device, folder.path, { model: T5 }), {
    name: "TypeError",
    message: /config\.json: its model is a Decoder, wanted a T5/,
  });
  assert.equal(device.statistics().liveBytes, before);
  const { gpt2 } = smallConfigs;
  assert.throws(
    () => newModel(device, gpt2, { random: random(), model: T5 }),
    /wanted a T5/,
  );
  assert.equal(device.statistics().liveBytes, before);
});

interface Changes {
  /** Replaces the small Llama's. */
  readonly config?: object;
  /** The name of a tensor to leave out. */
  readonly without?: string;
  /** Tensors to add. */
  readonly more?: readonly TensorToWrite[];
}

/** The checkpoint of a small Llama, changed. */
async function changedLlama({ config, without, more = [] }: Changes): Promise<TemporaryFolder> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await TemporaryFolder.make());
  using device = wasmDevice();
  using model = newModel(device, smallConfigs.llama, { random: random() });
  await savePretrained(model, folder.path);
  const kept = (await tensorsOf(folder.path)).filter(({ name }) => name !== without);
  await writeSafetensors(`${folder.path}/model.safetensors`, [...kept, ...more]);
  if (config !== undefined) {
    await Deno.writeTextFile(`${folder.path}/config.json`, JSON.stringify(config));
  }
  stack.move();
  return folder;
}

async function tensorsOf(folder: string): Promise<TensorToWrite[]> {
  using file = await SafetensorsFile.open(`${folder}/model.safetensors`);
  return await Promise.all([...file.tensors].map(async ([name, { dtype, shape }]) => {
    const values = await file.read(name);
    return { name, dtype, shape, bytes: () => Promise.resolve(values) };
  }));
}

function zeros(name: string, shape: number[], dtype: "F32" | "I32" = "F32"): TensorToWrite {
  const length = 4 * shape.reduce((a, b) => a * b);
  return { name, dtype, shape, bytes: () => Promise.resolve(new Uint8Array(length)) };
}

async function bitsOf(model: PretrainedModel): Promise<[string, Uint8Array][]> {
  return await Promise.all(
    [...model.namedParameters(), ...model.namedBuffers()].map(async (
      [path, p],
    ): Promise<[string, Uint8Array]> => [
      path,
      await p.bytes(),
    ]),
  );
}

class TemporaryFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TemporaryFolder> {
    return new TemporaryFolder(await Deno.makeTempDir());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
