// The parameters of a model from a checkpoint. The model is made before any value is read: each parameter is looked up and its shape
// compared, so nothing larger than the files is allocated; then values are read, one parameter at a time.

import type { Device } from "../device/device.ts";
import { type CheckpointNames, nameOf } from "../models/config/checkpoint_names.ts";
import type { ParameterSource, WantedParameter } from "../nn/parameter_source.ts";
import { type FloatType, viewBytes } from "../tensor/dtype.ts";
import { Memory } from "../tensor/memory.ts";
import { Parameter } from "../tensor/parameter.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { CheckpointFolder } from "./checkpoint_folder.ts";
import { SafetensorsError, type TensorEntry } from "./safetensors_header.ts";

/**
 * How parameters are stored on the device.
 *
 * @category Checkpoints
 */
export interface StorageOptions {
  /** How parameters are stored; values are rounded to it. Default: as in the file. */
  readonly dtype?: FloatType | undefined;
  /** How their gradients are stored. Default: f32. */
  readonly gradientDtype?: FloatType | undefined;
}

/** A source of parameters that reads a checkpoint. The model owns them; if it was not made, this object does. */
export class CheckpointParameters implements ParameterSource {
  readonly device: Device;
  readonly #folder: CheckpointFolder;
  readonly #names: CheckpointNames;
  readonly #storage: StorageOptions;
  /** By name in the file. */
  readonly #taken = new Map<string, Parameter>();

  /** A source for an open checkpoint with the names of one family. */
  constructor(device: Device, { folder, names, storage }: {
    readonly folder: CheckpointFolder;
    readonly names: CheckpointNames;
    readonly storage: StorageOptions;
  }) {
    this.device = device;
    this.#folder = folder;
    this.#names = names;
    this.#storage = storage;
  }

  /** A parameter without values yet. @throws {SafetensorsError} if there is no such tensor, or it has another shape or type */
  parameter(path: string, { shape }: WantedParameter): Parameter {
    const fullName = nameOf(path, this.#names);
    const name = this.#inFile(fullName);
    if (name === undefined) {
      throw new SafetensorsError(`The checkpoint lacks ${fullName}, which config.json requires`);
    }
    const entry = this.#folder.entry(name)!;
    if (!sameShape(entry.shape, shape)) {
      throw new SafetensorsError(
        `${name} has the shape ${formatShape(entry.shape)}, and config.json requires ${
          formatShape(shape)
        }`,
      );
    }
    const { dtype = storedAs(name, entry), gradientDtype = "f32" } = this.#storage;
    const memory = Memory.empty(this.device, { shape, dtype });
    const parameter = new Parameter(this.device, memory, { shape, name: path, gradientDtype });
    this.#taken.set(name, parameter);
    return parameter;
  }

  /**
   * Reads all values.
   *
   * @throws {SafetensorsError} naming tensors that the model does not have, or a tied one with different values.
   */
  async fill(): Promise<void> {
    await this.#refuseUnexpected();
    for (const [name, parameter] of this.#taken) {
      const dtype = storedAs(name, this.#folder.entry(name)!);
      const bytes = await this.#folder.read(name);
      if (dtype === parameter.dtype) parameter.writeBytes(bytes);
      else parameter.write(viewBytes(bytes, dtype));
    }
  }

  /** Releases all parameters that were requested. */
  releaseAll(): void {
    for (const parameter of this.#taken.values()) parameter[Symbol.dispose]();
  }

  /** The name in the file for `name`: the same or an older one, with or without the prefix of models with a head. */
  #inFile(name: string): string | undefined {
    const { basePrefix, olderEndings = {} } = this.#names;
    const older = Object.entries(olderEndings).flatMap(([ending, before]) =>
      name.endsWith(ending) ? [name.slice(0, -ending.length) + before] : []
    );
    const full = [name, ...older];
    const short = full.flatMap((each) =>
      basePrefix !== undefined && each.startsWith(basePrefix) ? [each.slice(basePrefix.length)] : []
    );
    return [...full, ...short].find((each) => this.#folder.holds(each));
  }

  async #refuseUnexpected(): Promise<void> {
    const { ignored = [], tied = {} } = this.#names;
    const unexpected: string[] = [];
    for (const name of this.#folder.names) {
      if (this.#taken.has(name) || ignored.some((each) => each.test(name))) continue;
      const other = tied[name] === undefined ? undefined : this.#inFile(tied[name]);
      if (other === undefined) unexpected.push(name);
      else await this.#requireEqual(name, other);
    }
    if (unexpected.length > 0) {
      throw new SafetensorsError(
        `The checkpoint holds tensors that the model of config.json does not have: ${
          unexpected.join(", ")
        }`,
      );
    }
  }

  async #requireEqual(name: string, other: string): Promise<void> {
    if (await this.#folder.equal(name, other)) return;
    throw new SafetensorsError(
      `${name} differs from ${other}, and config.json ties them: set tie_word_embeddings to false`,
    );
  }
}

function storedAs(name: string, { dtype }: TensorEntry): FloatType {
  const known = FLOAT_TYPES[dtype];
  if (known !== undefined) return known;
  throw new SafetensorsError(`${name} is stored as ${dtype}: parameters are F32, F16 or BF16`);
}

const FLOAT_TYPES: Readonly<Partial<Record<TensorEntry["dtype"], FloatType>>> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
};
