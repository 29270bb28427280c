// Folders with small models, as people have them: changed after saving.

import { loadPretrained } from "../../../src/checkpoint/pretrained.ts";
import { savePretrained } from "../../../src/checkpoint/save_pretrained.ts";
import { SafetensorsFile } from "../../../src/checkpoint/safetensors_file.ts";
import { type TensorToWrite, writeSafetensors } from "../../../src/checkpoint/safetensors_write.ts";
import type { Device } from "../../../src/device/device.ts";
import { newModel } from "../../../src/models/new_model.ts";
import type { PretrainedModel } from "../../../src/models/pretrained_model.ts";
import { RandomSource } from "../../../src/nn/philox.ts";

/** A temporary folder, removed when it is disposed. */
export class ModelFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** An empty folder. */
  static async make(): Promise<ModelFolder> {
    return new ModelFolder(await Deno.makeTempDir());
  }

  /** A folder with a new model. */
  static async withModel(
    device: Device,
    config: Readonly<Record<string, unknown>>,
  ): Promise<ModelFolder> {
    const folder = await ModelFolder.make();
    using model = newModel(device, config, { random: new RandomSource(7) });
    await savePretrained(model, folder.path);
    return folder;
  }

  /** The path of a file in it. */
  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Its tensors, which are in memory. */
  async tensors(): Promise<TensorToWrite[]> {
    using file = await SafetensorsFile.open(this.file("model.safetensors"));
    return await Promise.all([...file.tensors].map(async ([name, { dtype, shape }]) => {
      const values = await file.read(name);
      return { name, dtype, shape, bytes: () => Promise.resolve(values) };
    }));
  }

  /** Replaces its tensors. */
  async change(changed: (tensors: TensorToWrite[]) => readonly TensorToWrite[]): Promise<void> {
    await writeSafetensors(this.file("model.safetensors"), changed(await this.tensors()));
  }

  /** Replaces settings of its config.json. */
  async configure(changes: Readonly<Record<string, unknown>>): Promise<void> {
    const path = this.file("config.json");
    const config = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify({ ...config, ...changes }, null, 2));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** The bits of all parameters of the model in a folder, by path. */
export async function storedBits(
  device: Device,
  folder: string,
): Promise<[path: string, bytes: Uint8Array][]> {
  using model = await loadPretrained(device, folder);
  return await bitsOf(model);
}

/** The bits of all parameters, by path. */
export async function bitsOf(
  model: PretrainedModel<never>,
): Promise<[path: string, bytes: Uint8Array][]> {
  return await Promise.all(
    [...model.namedParameters()].map(async ([path, p]): Promise<[string, Uint8Array]> => [
      path,
      await p.bytes(),
    ]),
  );
}

/** A tensor of zeros. */
export function zeros(
  name: string,
  shape: number[],
  dtype: "F32" | "I64" | "F8_E4M3" = "F32",
): TensorToWrite {
  const bytes = { F32: 4, I64: 8, F8_E4M3: 1 }[dtype] * shape.reduce((a, b) => a * b, 1);
  return { name, dtype, shape, bytes: () => Promise.resolve(new Uint8Array(bytes)) };
}
