/**
 * Files of tensors in the safetensors format of Hugging Face: written as a whole or not at all, read with every check of the format.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { inspectFile, loadFile, saveFile } from "@meshfactor/adafactor/safetensors";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using weight = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2], dtype: "bf16" });
 * const folder = await Deno.makeTempDir();
 * await saveFile(`${folder}/a.safetensors`, { weight }, { metadata: { step: "10" } });
 * const { tensors, metadata } = await inspectFile(`${folder}/a.safetensors`);
 * assert.deepEqual(tensors.get("weight"), { dtype: "BF16", shape: [2, 2] });
 * assert.equal(metadata.step, "10");
 * const loaded = await loadFile(device, `${folder}/a.safetensors`);
 * assert.deepEqual(await loaded.get("weight")!.data(), await weight.data());
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { AnyTensor } from "../tensor/autograd.ts";
import type { DType } from "../tensor/dtype.ts";
import { Tensor } from "../tensor/tensor.ts";
import { publishFile } from "./disk_folder.ts";
import { SafetensorsError } from "./safetensors_error.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import type { SafetensorsDtype } from "./safetensors_header.ts";
import { safetensorsPieces, type TensorToWrite } from "./safetensors_write.ts";

export { SafetensorsError };

// Types that the ones below name.
export type * from "../nn/mod.ts";

/**
 * The type and shape of a tensor in a file.
 *
 * @category Checkpoints
 */
export interface StoredTensor {
  /** Its element type as the format names it, such as "F32", "BF16" or "I64". */
  readonly dtype: string;
  /** Its dims. */
  readonly shape: readonly number[];
}

/**
 * The contents of a file, but for the values.
 *
 * @category Checkpoints
 */
export interface FileContents {
  /** By name, in the order of the file's header. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Texts beside the tensors. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the header of a file: names, types and shapes of tensors, and metadata.
 *
 * @throws {SafetensorsError} if the file is not one of the format.
 * @category Checkpoints
 */
export async function inspectFile(path: string): Promise<FileContents> {
  using file = await SafetensorsFile.open(path);
  const tensors = [...file.tensors].map(([name, { dtype, shape }]) =>
    [name, { dtype, shape }] as const
  );
  return { tensors: new Map(tensors), metadata: { ...file.metadata } };
}

/**
 * Loads tensors of F32, F16, BF16 and U32 as they are stored. The caller owns them.
 *
 * @param options `names`: the tensors to load. Default: all.
 * @throws {SafetensorsError} if the file is not one of the format, lacks a name, or a tensor is of another type; nothing is kept then.
 * @category Checkpoints
 */
export async function loadFile(
  device: Device,
  path: string,
  { names }: { readonly names?: Iterable<string> } = {},
): Promise<Map<string, Tensor<DType>>> {
  using file = await SafetensorsFile.open(path);
  const wanted = [...(names ?? file.tensors.keys())];
  for (const name of wanted) {
    const entry = file.tensors.get(name);
    if (entry === undefined) throw new SafetensorsError(`Cannot load ${path}: it lacks ${name}`);
    if (ELEMENT_TYPES[entry.dtype] !== undefined) continue;
    throw new SafetensorsError(
      `Cannot load ${path}: ${name} is stored as ${entry.dtype}, and tensors are F32, F16, BF16 or U32: leave it out of names`,
    );
  }
  using scope = new DisposableStack();
  const loaded = new Map<string, Tensor<DType>>();
  for (const name of wanted) {
    const { dtype, shape } = file.tensors.get(name)!;
    const options = { shape, dtype: ELEMENT_TYPES[dtype]! };
    loaded.set(name, scope.use(Tensor.fromBytes(device, await file.read(name), options)));
  }
  scope.move();
  return loaded;
}

/**
 * Writes tensors, as they are stored, into a file, which appears as a whole or not at all. A missing folder is made.
 *
 * @param options `metadata`: texts to store beside the tensors. Default: `{ format: "pt" }`, which transformers asks for.
 * @throws {Error} if the file cannot be written; what was there is unchanged.
 * @category Checkpoints
 */
export async function saveFile(
  path: string,
  tensors: ReadonlyMap<string, AnyTensor> | Readonly<Record<string, AnyTensor>>,
  { metadata }: { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const named = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const written = named.map(([name, tensor]): TensorToWrite => ({
    name,
    dtype: STORED_AS[(tensor as AnyTensor).dtype],
    shape: (tensor as AnyTensor).shape,
    bytes: () => (tensor as AnyTensor).bytes(),
  }));
  await publishFile(path, safetensorsPieces(written, { format: "pt", ...metadata }));
}

const STORED_AS: Readonly<Record<DType, SafetensorsDtype>> = {
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  u32: "U32",
};

const ELEMENT_TYPES: Readonly<Partial<Record<SafetensorsDtype, DType>>> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  U32: "u32",
};
