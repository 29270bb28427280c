// Low-rank additions in PEFT's files: those that PEFT saved, and those that PEFT loads.
//
// MESHFACTOR_PYTHON names a Python that has torch, transformers and peft; without one, the test that runs PEFT is skipped with a message.

import assert from "node:assert/strict";
import { loadLora, saveLora } from "../../src/checkpoint/lora_adapter.ts";
import { loadPretrained } from "../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../src/checkpoint/save_pretrained.ts";
import { SafetensorsFile } from "../../src/checkpoint/safetensors_file.ts";
import type { Device } from "../../src/device/device.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { Decoder } from "../../src/models/decoder.ts";
import { parallelize } from "../../src/models/parallelize.ts";
import { addLora, type Lora } from "../../src/nn/lora/add_lora.ts";
import { noGrad } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { goldenModels } from "../support/goldens.ts";
import { namesIn, withFolder } from "../support/temporary_folder.ts";

const ADAPTERS = new URL("../goldens/lora", import.meta.url).pathname;
const FAMILIES = ["gpt2", "llama"] as const;
type Family = typeof FAMILIES[number];

async function load(device: Device, family: Family): Promise<Decoder> {
  return await loadPretrained(device, `${goldenModels}/${family}`, { model: Decoder });
}

/** The golden's logits, computed here. */
async function logitsOf(model: Decoder, family: Family): Promise<Float32Array> {
  const { device } = model.parameters()[0];
  using file = await SafetensorsFile.open(`${goldenModels}/${family}/expected.safetensors`);
  const read = async (name: string) => {
    const { shape } = file.tensors.get(name)!;
    const values = new BigInt64Array((await file.read(name)).buffer);
    return { values: Uint32Array.from(values, Number), shape };
  };
  const [tokens, mask] = [await read("input.input_ids"), await read("input.attention_mask")];
  using logits = await noGrad(() =>
    model.forward({
      tokens: Tensor.from(device, tokens.values, { shape: tokens.shape }),
      mask: Tensor.from(device, mask.values, { shape: mask.shape }),
    })
  );
  return await logits.data();
}

async function expectedLogits(family: Family): Promise<Float32Array> {
  using file = await SafetensorsFile.open(`${ADAPTERS}/${family}/expected.safetensors`);
  return new Float32Array((await file.read("logits")).buffer);
}

function assertAlike(got: Float32Array, wanted: ArrayLike<number>, name: string): void {
  const largest = got.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assertClose(got, wanted, { ofLargest: 2e-5, largest, name });
}

for (const family of FAMILIES) {
  Deno.test(`${family}: an adapter of PEFT gives PEFT's logits, merged too, and on two ranks`, async () => {
    using device = wasmDevice();
    using model = await load(device, family);
    const plain = await logitsOf(model, family);
    const lora = await loadLora(model, `${ADAPTERS}/${family}`);
    const wanted = await expectedLogits(family);
    assertAlike(await logitsOf(model, family), wanted, "with additions");
    assert.ok(plain.some((value, at) => Math.abs(value - wanted[at]) > 0.01), "they add nothing");
    await lora.merge();
    assertAlike(await logitsOf(model, family), wanted, "merged");
    await inProcessRanks(2, async (world) => {
      using device = wasmDevice();
      using model = await load(device, family);
      const lora = await loadLora(model, `${ADAPTERS}/${family}`);
      await parallelize(model, ProcessGroupMesh.over(world, 2, 1));
      assertAlike(await logitsOf(model, family), wanted, "split");
      await lora.merge();
      assertAlike(await logitsOf(model, family), wanted, "split and merged");
    });
  });

  Deno.test(`${family}: additions are saved and loaded bit for bit, from a mesh too`, () =>
    withFolder(async (folder) => {
      await inProcessRanks(2, async (world) => {
        using device = wasmDevice();
        using model = await load(device, family);
        const lora = await loadLora(model, `${ADAPTERS}/${family}`);
        await parallelize(model, ProcessGroupMesh.over(world, 2, 1));
        await saveLora(model, folder, { lora, base: family });
      });
      assert.deepEqual(await namesIn(folder), ["adapter_config.json", "adapter_model.safetensors"]);
      using saved = await SafetensorsFile.open(`${folder}/adapter_model.safetensors`);
      using given = await SafetensorsFile.open(`${ADAPTERS}/${family}/adapter_model.safetensors`);
      assert.deepEqual([...saved.tensors.keys()].toSorted(), [...given.tensors.keys()].toSorted());
      for (const name of given.tensors.keys()) {
        assertSameBits(await saved.read(name), await given.read(name));
      }
      using device = wasmDevice();
      using model = await load(device, family);
      await loadLora(model, folder);
      assertAlike(await logitsOf(model, family), await expectedLogits(family), "saved and loaded");
    }));
}

Deno.test("adapters that are not LoRA of this model's linear layers are refused, and the model stays", () =>
  withFolder(async (folder) => {
    using device = wasmDevice();
    using model = await load(device, "llama");
    const plain = await logitsOf(model, "llama");
    const config = JSON.parse(await Deno.readTextFile(`${ADAPTERS}/llama/adapter_config.json`));
    await Deno.copyFile(
      `${ADAPTERS}/llama/adapter_model.safetensors`,
      `${folder}/adapter_model.safetensors`,
    );
    const changes = {
      peft_type: "IA3",
      use_dora: true,
      bias: "all",
      rank_pattern: { q_proj: 4 },
      modules_to_save: ["lm_head"],
      init_lora_weights: "pissa",
      r: 0,
    };
    for (const [setting, value] of Object.entries(changes)) {
      await Deno.writeTextFile(
        `${folder}/adapter_config.json`,
        JSON.stringify({ ...config, [setting]: value }),
      );
      await assert.rejects(loadLora(model, folder), {
        name: "TypeError",
        message: new RegExp(`adapter_config.json: ${setting} is not supported`),
      });
    }
    await Deno.writeTextFile(`${folder}/adapter_config.json`, JSON.stringify({ ...config, r: 3 }));
    await assert.rejects(
      loadLora(model, folder),
      /lora_A.weight has the shape \[2, .*the model's \[3, /,
    );
    await Deno.writeTextFile(`${folder}/adapter_config.json`, "{");
    await assert.rejects(loadLora(model, folder), /is no JSON/);
    await assert.rejects(
      loadLora(model, `${ADAPTERS}/gpt2`),
      /no whole linear layer transformer\.h\.0/,
    );
    assertSameBits(await logitsOf(model, "llama"), plain);
    assert.ok(model.parameters().every(({ requiresGrad }) => requiresGrad));
  }));

Deno.test("a model with additions is not saved as one", () =>
  withFolder(async (folder) => {
    using device = wasmDevice();
    using model = await load(device, "llama");
    const lora = addLora(model, { rank: 1 });
    await assert.rejects(savePretrained(model, folder), /merge\(\) them first, or save them alone/);
    await lora.merge();
    await savePretrained(model, folder);
    assert.deepEqual(await namesIn(folder), ["config.json", "model.safetensors"]);
  }));

const PYTHON = Deno.env.get("MESHFACTOR_PYTHON") ?? "python3";
const there = await runs(["-c", "import torch, transformers, peft"]);
const name = "PEFT loads what saveLora() writes, with the same logits";

if (there === undefined) Deno.test.ignore(`${name} [skipped: no peft in ${PYTHON}]`, () => {});
else {
  Deno.test(name, () =>
    withFolder(async (folder) => {
      using device = wasmDevice();
      const wanted: Float32Array[] = [];
      const args: string[] = [];
      for (const family of FAMILIES) {
        using model = await load(device, family);
        const lora = addLora(model, { rank: 2, alpha: 5 });
        fill(lora);
        const adapter = `${folder}/${family}`;
        await saveLora(model, adapter, { lora });
        wanted.push(await logitsOf(model, family));
        const base = `${goldenModels}/${family}`;
        args.push(base, adapter, `${base}/expected.safetensors`);
      }
      const script = new URL("../models/programs/logits_with_peft.py", import.meta.url).pathname;
      const lines = (await runs([script, ...args]))!.trim().split("\n");
      for (const [at, family] of FAMILIES.entries()) {
        assertAlike(wanted[at], JSON.parse(lines[at]), family);
      }
    }));
}

function fill(lora: Lora): void {
  for (const { b: { weight } } of lora.layers.values()) {
    weight.write(Float32Array.from({ length: weight.length }, (_, i) => Math.cos(i) / 3));
  }
}

/** What Python writes; undefined if it cannot run this. */
async function runs(args: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(PYTHON, { args: [...args], stderr: "null" })
      .output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}
