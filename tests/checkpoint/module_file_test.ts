// saveModule() and loadModule(): any module in a safetensors file, whole or split, in any type.

import assert from "node:assert/strict";
import { loadModule, saveModule } from "../../src/checkpoint/module_file.ts";
import { inspectFile, loadFile, saveFile } from "../../src/checkpoint/safetensors.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { ProcessGroupMesh } from "../../src/distributed/mesh.ts";
import { LayerNorm } from "../../src/nn/layer_norm.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Module } from "../../src/nn/module.ts";
import { BatchNorm } from "../../src/nn/parallel/batch_norm.ts";
import { Linear1DCol } from "../../src/nn/parallel/linear_1d_col.ts";
import { Linear1DRow } from "../../src/nn/parallel/linear_1d_row.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Sequential } from "../../src/nn/sequential.ts";
import type { Device } from "../../src/device/device.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import type { FloatTensor } from "../../src/tensor/tensor.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";
import { namesIn, withFolder } from "../support/temporary_folder.ts";

/** Two linear layers and a norm with buffers. */
function model(device: Device, seed: number, dtype: FloatType = "f32"): Sequential {
  const random = new RandomSource(seed);
  return new Sequential([
    new Linear(device, { inFeatures: 3, outFeatures: 5, random, dtype }),
    new BatchNorm(device, { features: 5 }),
    new Linear(device, { inFeatures: 5, outFeatures: 2, random, dtype }),
  ]);
}

async function values(module: Module<FloatTensor>): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const [name, each] of [...module.namedParameters(), ...module.namedBuffers()]) {
    found.set(name, await each.data());
  }
  return found;
}

Deno.test("a module is saved and loaded with its buffers, bit for bit", () =>
  withFolder(async (folder) => {
    using device = wasmDevice();
    using one = model(device, 1);
    using other = model(device, 2);
    const path = `${folder}/new/model.safetensors`;
    await saveModule(one, path, { metadata: { epoch: "3" } });
    const { tensors, metadata } = await inspectFile(path);
    assert.equal(tensors.size, 8);
    assert.deepEqual(tensors.get("layers.1.runningMean"), { dtype: "F32", shape: [5] });
    assert.deepEqual(metadata, { format: "pt", epoch: "3" });
    assertOtherBits(await values(other), await values(one));
    await loadModule(other, path);
    assertSameBits(await values(other), await values(one));
    // The file is replaced as a whole.
    await saveModule(model(device, 3), path);
    assert.deepEqual(await namesIn(`${folder}/new`), ["model.safetensors"]);
  }));

Deno.test("values are rounded to the type that a parameter is stored in", () =>
  withFolder(async (folder) => {
    using device = wasmDevice();
    using one = model(device, 1);
    using half = model(device, 2, "bf16");
    await saveModule(one, `${folder}/a`);
    await loadModule(half, `${folder}/a`);
    const { weight } = one.layers[0] as Linear;
    using rounded = weight.copyAs("bf16");
    assertSameBits(await (half.layers[0] as Linear).weight.data(), await rounded.data());
    await saveModule(half, `${folder}/b`);
    await loadModule(one, `${folder}/b`);
    assertSameBits(await weight.data(), await rounded.data());
  }));

/** A column- and a row-parallel layer, made of the same whole layers. */
class Split extends Module<FloatTensor> {
  constructor(readonly up: Linear1DCol | Linear, readonly down: Linear1DRow | Linear) {
    super();
  }

  override async forward(x: FloatTensor): Promise<Tensor> {
    return await this.down.forward(await this.up.forward(x));
  }
}

Deno.test("a module that is split over ranks is saved whole, and loaded on any mesh", () =>
  withFolder(async (folder) => {
    const whole = (device: Device, seed: number) => {
      const random = new RandomSource(seed);
      return [[4, 6], [6, 4]].map(([inFeatures, outFeatures]) =>
        new Linear(device, { inFeatures, outFeatures, random })
      );
    };
    const path = `${folder}/model.safetensors`;
    await inProcessRanks(3, async (world) => {
      using device = wasmDevice();
      const processGroup = await ProcessGroupMesh.over(world, 3).getGroupAlongAxis(0);
      const split = ([up, down]: Linear[]) =>
        new Split(
          Linear1DCol.fromNativeModule(up, { processGroup, gatherOutput: false }),
          Linear1DRow.fromNativeModule(down, { processGroup, parallelInput: true }),
        );
      using saved = split(whole(device, 1));
      await saveModule(saved, path);
      using other = split(whole(device, 2));
      await loadModule(other, path);
      assertSameBits(await values(other), await values(saved));
    });
    using device = wasmDevice();
    const [up, down] = whole(device, 1);
    using wanted = new Split(up, down);
    using loaded = new Split(...whole(device, 3) as [Linear, Linear]);
    await loadModule(loaded, path);
    assertSameBits(await values(loaded), await values(wanted));
  }));

Deno.test("nothing is written if a file does not fit the module, and all that differs is named", () =>
  withFolder(async (folder) => {
    using device = wasmDevice();
    using norm = new LayerNorm(device, { features: 3 });
    const path = `${folder}/a.safetensors`;
    const t = (values: number[]) => Tensor.from(device, values);
    await saveFile(path, { weight: t([7, 8, 9]), bias: t([1, 2]), more: t([3]) });
    await assert.rejects(loadModule(norm, path), (error: Error) => {
      assert.equal(error.name, "SafetensorsError");
      assert.match(
        error.message,
        /a\.safetensors into the module: bias has the shape \[2\], the model's \[3\]/,
      );
      assert.match(error.message, /the module has no more/);
      return true;
    });
    assertSameBits(await norm.weight.data(), [1, 1, 1]);
    await saveFile(path, { weight: t([7, 8, 9]) });
    await assert.rejects(loadModule(norm, path), /it lacks bias/);
    await Deno.writeTextFile(path, "no safetensors");
    await assert.rejects(loadModule(norm, path), /a\.safetensors/);
    await assert.rejects(loadModule(norm, `${folder}/none`), /none/);
  }));

Deno.test("saveFile() and loadFile() keep every type, by name, and refuse others", () =>
  withFolder(async (folder) => {
    using device = wasmDevice();
    const path = `${folder}/a.safetensors`;
    const tensors = new Map<string, Tensor<"f32" | "f16" | "bf16" | "u32">>([
      ["f32", Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] })],
      ["f16", Tensor.from(device, [1.5], { dtype: "f16" })],
      ["bf16", Tensor.from(device, [1, 2, 3], { dtype: "bf16" })],
      ["u32", Tensor.from(device, [7, 2 ** 32 - 1], { dtype: "u32" })],
      ["empty", Tensor.from(device, [], { shape: [0, 3] })],
      ["scalar", Tensor.from(device, [5], { shape: [] })],
    ]);
    await saveFile(path, tensors);
    const loaded = await loadFile(device, path);
    assert.deepEqual([...loaded.keys()].toSorted(), [...tensors.keys()].toSorted());
    for (const [name, tensor] of tensors) {
      const { dtype, shape } = loaded.get(name)!;
      assert.deepEqual({ dtype, shape }, { dtype: tensor.dtype, shape: tensor.shape });
      assertSameBits(await loaded.get(name)!.bytes(), await tensor.bytes());
    }
    assert.deepEqual([...(await loadFile(device, path, { names: ["u32"] })).keys()], ["u32"]);
    await assert.rejects(loadFile(device, path, { names: ["no"] }), /lacks no/);
  }));
